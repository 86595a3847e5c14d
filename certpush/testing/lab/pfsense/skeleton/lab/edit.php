<?php
// An administrator's page: it has loaded the configuration, and saves when its PHP comes in.
require_once("config.inc");

fwrite(STDOUT, "loaded\n");
fflush(STDOUT);
$code = stream_get_contents(STDIN);
if ($code === "") {
	exit(0);
}
eval($code);
$saved = write_config("changed by an administrator");
fwrite(STDOUT, is_array($saved) ? "saved\n" : "not saved\n");
