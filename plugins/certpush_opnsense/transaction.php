<?php
// certpush: looks at OPNsense's configuration, or makes one change of it with one write_config().
//
// This text and its task come on standard input, the task behind it as JSON; see `loader` in steps.sh.
// The task holds no key. Nothing of the configuration is printed but what stands in the result, which is
// a line behind the tag of this run. Exit status: 0 done, 65 refused, 75 somebody else changed the
// configuration meanwhile and nothing was written.

error_reporting(0);
ini_set("display_errors", "0");
ini_set("log_errors", "0");
ini_set("zend.exception_ignore_args", "1");
ignore_user_abort(true);
ob_start();

define("CERTPUSH_FILE", "/conf/config.xml");

$certpush_task = json_decode((string) stream_get_contents(STDIN), true);

function certpush_say($line) {
	fwrite(STDOUT, "\n" . getenv("CERTPUSH_TAG") . "$line\n");
}

function certpush_end($status) {
	while (ob_get_level() > 0) {
		ob_end_clean();
	}
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

function certpush_hash() {
	return (string) @hash_file("sha256", CERTPUSH_FILE);
}

// Loading "repairs" what cannot be parsed, by a backup: so it is seen to be in order before.
function certpush_check_file() {
	$source = (string) @file_get_contents(CERTPUSH_FILE);
	if (strncmp(ltrim($source), "<?xml", 5) !== 0 || stripos($source, "<!DOCTYPE") !== false) {
		certpush_fail("unreadable", "it does not begin as XML");
	}
	$root = null;
	$parser = xml_parser_create();
	xml_set_element_handler($parser, function ($parser, $name) use (&$root) {
		$root = $root ?? strtolower($name);
	}, function () {
	});
	$whole = xml_parse($parser, $source, true);
	if (!$whole || $root !== "opnsense") {
		certpush_fail("unreadable", $whole ? "its root is not <opnsense>" : "it is no well-formed XML");
	}
}

// --- reading --------------------------------------------------------------------------------------

function certpush_text($value) {
	return is_string($value) ? $value : "";
}

function certpush_list($kind) {
	global $config;
	return is_array($config[$kind] ?? null) ? $config[$kind] : [];
}

function certpush_position($kind, $refid) {
	foreach (certpush_list($kind) as $position => $entry) {
		if ($refid !== "" && is_array($entry) && ($entry["refid"] ?? "") === $refid) {
			return $position;
		}
	}
	return null;
}

function certpush_entry($kind, $refid) {
	$position = certpush_position($kind, $refid);
	return $position === null ? [] : certpush_list($kind)[$position];
}

function certpush_usable($entry) {
	return certpush_text($entry["crt"] ?? "") !== "" && certpush_text($entry["prv"] ?? "") !== "";
}

function certpush_pem($entry) {
	return (string) base64_decode(certpush_text($entry["crt"] ?? ""));
}

function certpush_fingerprint($entry) {
	if (!preg_match('/-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----/s', certpush_pem($entry), $found)) {
		return "";
	}
	return hash("sha256", (string) base64_decode(preg_replace('/\s+/', "", $found[1])));
}

function certpush_webgui() {
	global $config;
	$gui = $config["system"]["webgui"] ?? null;
	return is_array($gui) ? $gui : [];
}

function certpush_pointer() {
	return certpush_text(certpush_webgui()["ssl-certref"] ?? "");
}

// Where a text stands in the configuration: as the whole or a part of a value, because packages keep lists.
function certpush_places($value, $text, $path = "") {
	if (!is_array($value)) {
		return $text !== "" && is_string($value) && strpos($value, $text) !== false ? [$path] : [];
	}
	$found = [];
	foreach ($value as $name => $child) {
		$found = array_merge($found, certpush_places($child, $text, is_int($name) ? $path : ltrim("$path/$name", "/")));
	}
	return $found;
}

function certpush_skew() {
	global $config;
	$skews = [-1];
	foreach ((array) ($config["virtualip"]["vip"] ?? []) as $one) {
		if (is_array($one) && ($one["mode"] ?? "") === "carp") {
			$skews[] = (int) ($one["advskew"] ?? 0);
		}
	}
	return max($skews);
}

function certpush_look() {
	global $config;
	$pointer = certpush_pointer();
	$entry = certpush_entry("cert", $pointer);
	$ha = is_array($config["hasync"] ?? null) ? $config["hasync"] : [];
	$others = array_diff(certpush_places($config, $pointer), ["cert/refid", "system/webgui/ssl-certref"]);
	return [
		"pointer" => $pointer,
		"leaf" => certpush_usable($entry) ? certpush_fingerprint($entry) : "",
		"pem" => certpush_usable($entry) ? certpush_pem($entry) : "",
		"protocol" => certpush_text(certpush_webgui()["protocol"] ?? ""),
		"others" => array_slice(array_values($others), 0, 20),
		"sends_to" => certpush_text($ha["synchronizetoip"] ?? ""),
		"sends_certificates" => strpos(certpush_text($ha["syncitems"] ?? ""), "cert") !== false,
		"skew" => certpush_skew(),
	];
}

// --- changing -------------------------------------------------------------------------------------

// The web GUI gets another certificate, if it has one of those that are expected.
function certpush_point($task) {
	global $config;
	if (!certpush_usable(certpush_entry("cert", $task["to"]))) {
		certpush_fail("gone");
	}
	$now = certpush_pointer();
	if ($now !== $task["to"] && $now !== $task["from"]) {
		certpush_fail("pointer", $now);
	}
	$config["system"]["webgui"] = array_merge(certpush_webgui(), ["ssl-certref" => $task["to"]]);
}

// The pair that was kept goes back into the entry which the web GUI has, if that holds what is expected.
function certpush_restore($task) {
	global $config;
	$position = certpush_position("cert", $task["entry"]);
	$now = $position === null ? "" : certpush_fingerprint($config["cert"][$position]);
	if ($position === null || ($now !== $task["new"] && $now !== $task["old"])) {
		certpush_fail("pointer", $task["entry"]);
	}
	if ($now === $task["old"]) {
		return;
	}
	foreach (certpush_list("cert") as $kept) {
		if (($kept["descr"] ?? "") === $task["kept"] && certpush_fingerprint($kept) === $task["old"] && certpush_usable($kept)) {
			foreach (["crt", "prv", "caref"] as $name) {
				$config["cert"][$position][$name] = certpush_text($kept[$name] ?? "");
			}
			return;
		}
	}
	certpush_fail("gone");
}

// Only what certpush made, and what stands nowhere else.
function certpush_remove($kind, $refid) {
	global $config;
	$position = certpush_position($kind, $refid);
	$ours = strncmp(certpush_text(certpush_entry($kind, $refid)["descr"] ?? ""), "certpush ", 9) === 0;
	if ($position !== null && $ours && count(certpush_places($config, $refid)) === 1) {
		unset($config[$kind][$position]);
		$config[$kind] = array_values($config[$kind]);
	}
}

function certpush_change($task) {
	global $config;
	$verbs = ["point" => "certpush_point", "restore" => "certpush_restore"];
	$verbs[$task["verb"]]($task);
	foreach ($task["remove_kept"] ?? [] as $fingerprint) {
		foreach (certpush_list("cert") as $entry) {
			if (($entry["descr"] ?? "") === $task["kept"] && certpush_fingerprint($entry) === $fingerprint) {
				certpush_remove("cert", $entry["refid"]);
			}
		}
	}
	foreach (["cert", "ca"] as $kind) {
		foreach ($task["remove"] ?? [] as $refid) {
			certpush_remove($kind, $refid);
		}
	}
}

function certpush_write($task, $before) {
	if (certpush_hash() !== $before) {
		certpush_end(75);
	}
	$written = write_config($task["description"]);
	if ($written === -1 || $written === false) {
		certpush_fail("write_config", $written === false ? "it is not allowed to" : "it could not");
	}
}

// --- all of it --------------------------------------------------------------------------------------

if (!is_array($certpush_task)) {
	exit(70);
}
certpush_check_file();
$certpush_before = certpush_hash();

// In the global scope, because OPNsense's files make their variables where they are included.
try {
	require_once("config.inc");
	error_reporting(0);
	if (!is_array($config) || !is_array($config["system"] ?? null)) {
		certpush_fail("unreadable", "OPNsense does not read it");
	}
	if ($certpush_task["verb"] === "look") {
		certpush_say("result " . json_encode(certpush_look()));
		certpush_end(0);
	}
	// OPNsense's own lock, on the file itself, until it is written. Not reloaded under it, because its own way of
	// loading gives half of the lock away: what was loaded before must be what is there still.
	$certpush_own = OPNsense\Core\Config::getInstance();
	$certpush_own->lock(false);
	clearstatcache();
	if (certpush_hash() !== $certpush_before) {
		certpush_end(75);
	}
	$certpush_loaded = $config;
	certpush_change($certpush_task);
	$certpush_written = $config !== $certpush_loaded;
	if ($certpush_written) {
		certpush_write($certpush_task, $certpush_before);
	}
	$certpush_own->unlock();
	certpush_say("result " . json_encode(["written" => $certpush_written, "pointer" => certpush_pointer()]));
	certpush_end(0);
} catch (Throwable $error) {
	certpush_caught($error);
}
