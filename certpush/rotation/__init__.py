"""The story, one verb a file: plan, obtain, stage, activate, verify, confirm, roll back."""
