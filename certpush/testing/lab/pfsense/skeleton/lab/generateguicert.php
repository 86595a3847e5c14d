<?php
// The emergency repair: a new self-signed certificate for the GUI.
require_once("config.inc");
require_once("system.inc");

echo "Generating a new self-signed SSL/TLS certificate for the GUI...";
system_webgui_create_certificate();
echo "done.\nRestarting webConfigurator...";
send_event("service restart webgui");
echo "done.\n";
