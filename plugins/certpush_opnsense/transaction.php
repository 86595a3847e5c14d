<?php
// certpush: looks at OPNsense's configuration, or makes one change of it with one write_config().
//
// Follows firewall.php of certpush.kit.ssh. The task holds no key. Nothing of the configuration is printed but what stands
// in the result.

define("CERTPUSH_FILE", "/conf/config.xml");

// --- reading --------------------------------------------------------------------------------------

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
	if (!certpush_usable(certpush_entry("cert", $task["to"]))) {
		certpush_fail("gone");
	}
	$now = certpush_pointer();
	if ($now !== $task["to"] && $now !== $task["from"]) {
		certpush_fail("pointer", $now);
	}
	certpush_point_to($task["to"]);
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
	foreach (certpush_entries("cert") as $kept) {
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
	if ($position !== null && certpush_ours(certpush_entry($kind, $refid)) && count(certpush_places($config, $refid)) === 1) {
		unset($config[$kind][$position]);
		$config[$kind] = array_values($config[$kind]);
	}
}

function certpush_change($task) {
	global $config;
	$verbs = ["point" => "certpush_point", "restore" => "certpush_restore"];
	$verbs[$task["verb"]]($task);
	foreach ($task["remove_kept"] ?? [] as $fingerprint) {
		foreach (certpush_entries("cert") as $entry) {
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

// --- all of it --------------------------------------------------------------------------------------

if (!is_array($certpush_task)) {
	exit(70);
}
$certpush_before = certpush_checked_file("opnsense");

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
	if (certpush_hash() !== $certpush_before) {
		certpush_end(CERTPUSH_CHANGED);
	}
	$certpush_loaded = $config;
	certpush_change($certpush_task);
	$certpush_written = $config !== $certpush_loaded;
	if ($certpush_written) {
		if (certpush_hash() !== $certpush_before) {
			certpush_end(CERTPUSH_CHANGED);
		}
		certpush_write_once($certpush_task);
	}
	$certpush_own->unlock();
	certpush_say("result " . json_encode(["written" => $certpush_written, "pointer" => certpush_pointer()]));
	certpush_end(0);
} catch (Throwable $error) {
	certpush_caught($error);
}
