<?php
// certpush: one change of a pfSense configuration, made by the box itself with one write_config().
//
// Follows firewall.php of certpush.kit.ssh. The task says what to do, and holds a key only where one is imported; nothing
// of it is ever printed.

define("CERTPUSH_FILE", "/cf/conf/config.xml");

set_error_handler(function () {
	return true;
});

// If it came after the file was written, a cache of before would be believed, up to 2.8.
function certpush_caught_here($error) {
	@unlink("/tmp/config.cache");
	certpush_caught($error);
}
set_exception_handler("certpush_caught_here");

// --- entries ------------------------------------------------------------------------------------

// How often a text stands in the configuration, but for one entry.
function certpush_mentions($value, $text) {
	if (is_string($value)) {
		return substr_count($value, $text);
	}
	return is_array($value) ? array_sum(array_map(function ($one) use ($text) {
		return certpush_mentions($one, $text);
	}, $value)) : 0;
}

function certpush_add($kind, $entry) {
	global $config;
	if (certpush_mentions($config, $entry["refid"]) > 0) {
		certpush_end(CERTPUSH_CHANGED); // another entry has got this number since
	}
	$config[$kind] = certpush_entries($kind);
	$config[$kind][] = $entry;
}

// What pfSense appends to the leaf; its own loop does not notice a circle, and the GUI would not start.
function certpush_refuse_circle($caref) {
	for ($seen = []; $caref !== ""; $caref = certpush_text(certpush_entry("ca", $caref)["caref"] ?? "")) {
		if (isset($seen[$caref])) {
			certpush_fail("circle");
		}
		$seen[$caref] = true;
	}
}

// The entries come as they were planned for exactly this file ("seen"): authorities that were not there
// yet, the first issuer first, and the certificate, each with its caref.
function certpush_import($task) {
	$there = certpush_entry("cert", $task["cert"]["refid"]);
	if ($there !== null) {
		if (certpush_fingerprint($there) !== $task["sha256"] || certpush_text($there["prv"] ?? "") === "") {
			certpush_end(CERTPUSH_CHANGED);
		}
		return;
	}
	foreach ($task["cas"] as $entry) {
		certpush_add("ca", $entry);
	}
	certpush_add("cert", $task["cert"]);
	certpush_refuse_circle(certpush_text($task["cert"]["caref"] ?? ""));
}

// --- where it is used ---------------------------------------------------------------------------

// The certificate that pfSense makes by itself when it does not like the one it should use.
function certpush_made_by_the_box($refid) {
	$entry = certpush_entry("cert", $refid);
	return $entry === null || preg_match('/^(webConfigurator|GUI) default/', certpush_text($entry["descr"] ?? "")) === 1;
}

function certpush_may_flip($task) {
	$now = certpush_pointer();
	$usual = $now === $task["to"] || in_array($now, $task["from"], true);
	return $usual || ($task["or_the_boxs_own"] && certpush_made_by_the_box($now));
}

function certpush_flip($task) {
	$to = certpush_entry("cert", $task["to"]);
	if (!certpush_usable($to) && !$task["even_if_missing"]) {
		certpush_fail("gone");
	}
	certpush_refuse_circle(certpush_text($to["caref"] ?? ""));
	if (!certpush_may_flip($task)) {
		certpush_fail("pointer");
	}
	if (certpush_pointer() !== $task["to"]) {
		certpush_point_to($task["to"]);
	}
}

// Gives other users of a certificate the other one: only at the paths that were named.
function certpush_repoint(&$value, $path, $paths, $from, $to) {
	if (is_array($value)) {
		foreach ($value as $name => &$child) {
			certpush_repoint($child, is_int($name) ? $path : ltrim("$path/$name", "/"), $paths, $from, $to);
		}
	} elseif (is_string($value) && in_array($path, $paths, true)) {
		$value = preg_replace('/(?<![0-9A-Za-z])' . preg_quote($from, "/") . '(?![0-9A-Za-z])/', $to, $value);
	}
}

// --- what goes ------------------------------------------------------------------------------------

// Only what certpush made, and what stands nowhere else: packages keep lists that only a search finds.
function certpush_remove($refid) {
	global $config;
	foreach (["cert", "ca"] as $kind) {
		$position = certpush_position($kind, $refid);
		if ($position === null) {
			continue;
		}
		$entry = $config[$kind][$position];
		$own = certpush_mentions($entry, $refid);
		if (certpush_ours($entry) && $own === 1 && certpush_mentions($config, $refid) === 1 && certpush_pointer() !== $refid) {
			unset($config[$kind][$position]);
			$config[$kind] = array_values($config[$kind]);
		}
	}
}

// --- all of it --------------------------------------------------------------------------------------

function certpush_change($task) {
	global $config;
	if (isset($task["cert"])) {
		certpush_import($task);
	}
	if (isset($task["to"])) {
		certpush_flip($task);
	}
	foreach ($task["repoint"] ?? [] as $one) {
		certpush_repoint($config, "", $one["paths"], $one["from"], $one["to"]);
	}
	foreach ($task["remove"] ?? [] as $refid) {
		certpush_remove($refid);
	}
}

// A backup is named after the second of the revision that it holds: two in one second would be one.
function certpush_wait_for_the_next_second() {
	global $config;
	$revision = is_array($config["revision"] ?? null) ? $config["revision"] : [];
	for ($tries = 0; $tries < 30 && (int) certpush_text($revision["time"] ?? "") === time(); $tries++) {
		usleep(50000);
	}
}

// Where write_config() keeps what it replaces.
function certpush_backup() {
	global $config;
	$revision = is_array($config["revision"] ?? null) ? $config["revision"] : [];
	return "/cf/conf/backup/config-" . (int) certpush_text($revision["time"] ?? "") . ".xml";
}

// What must be true of the file afterwards, whoever else wrote it.
function certpush_holds($task) {
	$refid = $task["cert"]["refid"] ?? null;
	$imported = $refid === null || certpush_fingerprint(certpush_entry("cert", $refid) ?? []) === $task["sha256"];
	return $imported && (!isset($task["to"]) || certpush_pointer() === $task["to"]);
}

// write_config() takes its lock around the writing alone, so somebody may have written since the hash was compared. What
// it kept as a backup tells: then theirs is taken as the base, and ours made once more on that.
function certpush_write($task, $before) {
	global $config;
	certpush_wait_for_the_next_second();
	if (certpush_hash() !== $before) {
		certpush_end(CERTPUSH_CHANGED);
	}
	for ($round = 0; $round < 3; $round++) {
		$backup = certpush_backup();
		certpush_write_once($task);
		$replaced = (string) @hash_file("sha256", $backup);
		if ($replaced === "" || $replaced === $before) {
			return;
		}
		$before = certpush_hash();
		$theirs = parse_xml_config($backup, ["pfsense"]);
		$ours = $config;
		$config = is_array($theirs) ? $theirs : $config;
		if (certpush_holds($task)) {
			$config = $ours;
			return; // it is what we wrote: they came after us, and what they left is seen next
		}
		if (isset($task["to"]) && !certpush_may_flip($task)) {
			certpush_write_once(["description" => "certpush: given way to another administrator"]);
			certpush_fail("pointer");
		}
		certpush_change($task);
		certpush_wait_for_the_next_second();
	}
}

// As it is in the file, past the cache, which up to 2.8 is believed whatever the file says.
function certpush_load() {
	global $config;
	if (function_exists("config_read_file")) {
		config_read_file(false, false);
	} else {
		$config = parse_config(true);
	}
}

function certpush_result($before, $old) {
	global $config;
	$revision = is_array($config["revision"] ?? null) ? $config["revision"] : [];
	certpush_say("result " . json_encode([
		"old" => $old,
		"pointer" => certpush_pointer(),
		"written" => certpush_hash() !== $before,
		"revision" => certpush_text($revision["time"] ?? ""),
		"sha256" => certpush_hash(),
	]));
	certpush_end(0);
}

if (!is_array($certpush_task)) {
	exit(70);
}
if (file_exists("/var/run/booting")) {
	certpush_fail("booting");
}
$certpush_before = certpush_checked_file("pfsense");
if (($certpush_task["seen"] ?? $certpush_before) !== $certpush_before) {
	certpush_end(CERTPUSH_CHANGED);
}

// In the global scope, because pfSense's files make their variables where they are included.
try {
	require_once("config.inc");
	require_once("functions.inc");
	error_reporting(0);
	certpush_load();
	if (!is_array($config) || !is_array($config["system"] ?? null)) {
		certpush_fail("unreadable", "pfSense does not read it");
	}
	$certpush_old = certpush_pointer();
	$certpush_loaded = $config;
	certpush_change($certpush_task);
	if ($config !== $certpush_loaded) {
		unset($certpush_loaded);
		certpush_write($certpush_task, $certpush_before);
		certpush_load();
		if (!certpush_holds($certpush_task)) {
			certpush_fail("lost");
		}
	}
	certpush_result($certpush_before, $certpush_old);
} catch (Throwable $error) {
	certpush_caught_here($error);
}
