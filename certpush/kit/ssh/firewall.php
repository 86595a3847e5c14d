<?php
// certpush: what looks at, or changes, the configuration of a firewall that keeps it in a config.xml.
//
// This text, the kind's own behind it and their task come on standard input, the task last and as JSON; see `loader` in
// steps.sh. What is told are lines behind CERTPUSH_TAG, and nothing else is ever printed. Exit status: 0 done, 65 refused,
// 75 somebody else changed the configuration meanwhile and nothing was written.
// Runs on PHP 7.4 to 8.5; the configuration is plain arrays. The kind defines CERTPUSH_FILE.

error_reporting(0);
ini_set("display_errors", "0");
ini_set("log_errors", "0");
ini_set("zend.exception_ignore_args", "1");
ignore_user_abort(true);
ob_start();

define("CERTPUSH_CHANGED", 75);

$certpush_task = json_decode((string) stream_get_contents(STDIN), true);

function certpush_say($line) {
	fwrite(STDOUT, "\n" . getenv("CERTPUSH_TAG") . "$line\n");
}

function certpush_end($status) {
	while (ob_get_level() > 0) {
		ob_end_clean();
	}
	fflush(STDOUT);
	exit($status);
}

function certpush_fail($trouble, $detail = "") {
	certpush_say("fail $trouble");
	certpush_say("subject config.xml");
	certpush_say("detail $detail");
	certpush_end(65);
}

// What a Throwable says may hold data; where it came from does not.
function certpush_caught($error) {
	certpush_fail("php", get_class($error) . " in " . basename($error->getFile()) . " line " . $error->getLine());
}
set_exception_handler("certpush_caught");

// --- the file ---------------------------------------------------------------------------------

function certpush_hash() {
	clearstatcache();
	return (string) @hash_file("sha256", CERTPUSH_FILE);
}

// The hash of the file, once it is seen to be one that loading will not "repair": a backup is put in the place of what
// cannot be parsed.
function certpush_checked_file($product) {
	$source = (string) @file_get_contents(CERTPUSH_FILE);
	if (strncmp($source, "<?xml", 5) !== 0 || stripos($source, "<!DOCTYPE") !== false) {
		certpush_fail("unreadable", "it does not begin as XML");
	}
	$root = null;
	$parser = xml_parser_create();
	xml_set_element_handler($parser, function ($parser, $name) use (&$root) {
		$root = $root ?? strtolower($name);
	}, function () {
	});
	$whole = xml_parse($parser, $source, true);
	if (!$whole || $root !== $product) {
		certpush_fail("unreadable", $whole ? "its root is not <$product>" : "it is no well-formed XML");
	}
	return hash("sha256", $source);
}

function certpush_write_once($task) {
	$written = write_config($task["description"]);
	if ($written === -1 || $written === false) {
		certpush_fail("write_config", $written === false ? "it is not allowed to" : "it could not");
	}
}

// --- entries ------------------------------------------------------------------------------------

function certpush_text($value) {
	return is_string($value) ? $value : "";
}

function certpush_entries($kind) {
	global $config;
	return is_array($config[$kind] ?? null) ? $config[$kind] : [];
}

function certpush_position($kind, $refid) {
	foreach (certpush_entries($kind) as $position => $entry) {
		if ($refid !== "" && is_array($entry) && ($entry["refid"] ?? "") === $refid) {
			return $position;
		}
	}
	return null;
}

function certpush_entry($kind, $refid) {
	$position = certpush_position($kind, $refid);
	return $position === null ? null : certpush_entries($kind)[$position];
}

function certpush_usable($entry) {
	return certpush_text($entry["crt"] ?? "") !== "" && certpush_text($entry["prv"] ?? "") !== "";
}

function certpush_pem($entry) {
	return (string) base64_decode(certpush_text($entry["crt"] ?? ""));
}

// SHA-256 of the first certificate's DER form.
function certpush_fingerprint($entry) {
	if (!preg_match('/-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----/s', certpush_pem($entry), $found)) {
		return "";
	}
	return hash("sha256", (string) base64_decode(preg_replace('/\s+/', "", $found[1])));
}

// certpush made it.
function certpush_ours($entry) {
	return strncmp(certpush_text($entry["descr"] ?? ""), "certpush ", 9) === 0;
}

// --- the web GUI ----------------------------------------------------------------------------------

function certpush_webgui() {
	global $config;
	$gui = $config["system"]["webgui"] ?? null;
	return is_array($gui) ? $gui : [];
}

function certpush_pointer() {
	return certpush_text(certpush_webgui()["ssl-certref"] ?? "");
}

function certpush_point_to($refid) {
	global $config;
	$config["system"]["webgui"] = array_merge(certpush_webgui(), ["ssl-certref" => $refid]);
}
