"""Find, check and load plugins. Installed is not executed: only what the configuration names is imported."""

from certpush.plugins.checks import SUPPORTED_API
from certpush.plugins.loader import Listener, PluginLoader
from certpush.plugins.offers import RESERVED_NAMES, Offer, available

__all__ = ["RESERVED_NAMES", "SUPPORTED_API", "Listener", "Offer", "PluginLoader", "available"]
