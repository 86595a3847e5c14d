"""Find, check and load plugins. Installed is not executed: only what the configuration names is imported."""

from certpush.plugins.admission import Listener
from certpush.plugins.checks import SUPPORTED_API, knows_where
from certpush.plugins.listing import available
from certpush.plugins.loader import PluginLoader
from certpush.plugins.offers import RESERVED_NAMES, Offer

__all__ = ["RESERVED_NAMES", "SUPPORTED_API", "Listener", "Offer", "PluginLoader", "available", "knows_where"]
