<?php
// The peer's end of the synchronisation: copies the sections whole over its own, then writes.
require_once("config.inc");

$sent = json_decode(stream_get_contents(STDIN), true);
if ($sent["version"] !== $config["version"]) {
	lab_event("sync-refused", ["version" => $config["version"]]);
	exit(0);
}
foreach ($sent["sections"] as $name => $section) {
	$config[$name] = $section;
}
write_config(sprintf("Merged in config (%s sections) from XMLRPC client.", implode(",", array_keys($sent["sections"]))));
lab_event("synced", []);
