<?php
// The configuration as pfSense itself understands it.
require_once("config.inc");

echo json_encode($config, JSON_INVALID_UTF8_SUBSTITUTE);
