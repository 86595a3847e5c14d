# What the pfSense kind does on a box, behind the steps of certpush.kit.ssh. FreeBSD's tools only; everything that
# belongs to pfSense is named with its path. Nothing runs until `main` is called.

config=/cf/conf/config.xml
lock=/tmp/config.lock
hook=/usr/local/etc/rc.d/certpush-rescue.sh
back='the web GUI has its old certificate back'

# --- looking ------------------------------------------------------------------------------------

# facts: what the file is now.
facts() { say "file $(sum "$config") $(wc -c <"$config" | tr -d ' ') $(date +%s)"; }

# look secrets|whole: the configuration, and its hash. Without `whole` no key and no password leaves the box. Where
# somebody writes just then, the hashes before and after differ, and the caller looks again.
look() {
	[ -f "$config" ] && [ -r "$config" ] || fail not-for-us "$config"
	facts
	say config-begin
	if [ "$1" = whole ]; then cat "$config"; else without_secrets <"$config"; fi
	printf '\n'
	say config-end
	facts
	[ ! -e /var/run/booting ] || say booting
	[ ! -d "$rescue" ] || say timer
}

# In each element of such a name the text becomes `LQ==`, which is `-` in base64.
secret='[a-z0-9_-]*(prv|passw|psk|secret|shared_key|pre-shared-key|privkey|privatekey|-hash|md5-hash|bindpw|tls)[a-z0-9_-]*'
without_secrets() {
	sed -E -e "s#<($secret)>[^<]+</#<\\1>LQ==</#g" -e "s#<($secret)><!\\[CDATA\\[[^]]*\\]\\]></#<\\1>LQ==</#g"
}

probe() {
	myself
	say "user $me $(id -un)"
	say "date $(date +%s)"
	say "version $(cat /etc/version 2>/dev/null)"
	for one in awk cat chmod chown cmp cp cut date df grep id kill lockf logger ls mkdir mv openssl ps rm sed sha256 sleep sync tail tr uname wc; do
		program "$one" || say "missing $one"
	done
	[ -x /usr/local/bin/php ] || say no-php
	[ -x /etc/rc.restart_webgui ] || say no-restart
	[ -S /var/run/check_reload_status ] || say no-events
	[ -w "$config" ] && [ -w "${config%/*}" ] || say "unwritable $config"
	[ ! -d "${hook%/*}" ] || [ -w "${hook%/*}" ] || say no-hook
	set -- $(df -Pk "${config%/*}" 2>/dev/null | tail -n 1)
	say "free ${4:-0} $(wc -c <"$config" | tr -d ' ')"
}

# clock SECONDS: the box's clock has passed this second.
clock() { [ "$(date +%s)" -ge "$1" ] || fail clock "$(date)"; }

# --- the transaction --------------------------------------------------------------------------------

# Constant: the program and its task are read from standard input.
loader='eval("?>" . stream_get_contents(STDIN, (int) fgets(STDIN)));'

run_php() { as_pfsense env CERTPUSH_TAG="$tag" /usr/local/bin/php -d display_errors=0 -d log_errors=0 -r "$loader" 2>/dev/null; }

# as_pfsense COMMAND...: what belongs to pfSense makes its files as ever (config.xml is 0644), not as private as ours.
as_pfsense() { (umask 022 && exec "$@"); }

# transact <PROGRAM AND TASK
transact() {
	[ -x /usr/local/bin/php ] || fail no-php /usr/local/bin/php
	run_php
	judge $?
}

# judge STATUS: the program has told what there is to tell.
judge() {
	case $1 in
	0) ;;
	65) exit 65 ;;
	75) fail changed "$config" ;;
	*)
		# Nobody knows how far it came: at least no page shall go on with what was before.
		rm -f /tmp/config.cache
		fail php "$config" "exit status $1"
		;;
	esac
}

# Under the lock: $1 the new file, $2 the hash of the old one, $3 where it is kept. 76: it is another one by now.
under_lock='
config=/cf/conf/config.xml
[ "$(sha256 -q "$config")" = "$2" ] || exit 76
if [ -n "$3" ] && [ ! -e "$3" ]; then
	cp -p "$config" "$3.certpush" && mv -f "$3.certpush" "$3" || { rm -f "$3.certpush"; exit 77; }
fi
set -- "$1" $(stat -f "%Lp %u:%g" "$config")
chown "$3" "$1" && chmod "$2" "$1" || exit 77
# Before and after: nobody finds what was before in it, neither now nor then.
rm -f /tmp/config.cache
mv -f "$1" "$config" || exit 77
rm -f /tmp/config.cache
'

# exchange NAME OLD NEW BACKUP: put the file that was handed over as NAME in the place of the configuration, whose
# hash must be OLD still.
exchange() {
	sweep
	place=/cf/conf/.certpush-$(printf %.16s "$3").xml
	err=$( (given "$1" >"$place") 2>&1) || fail_exchange write "$err"
	[ "$(sum "$place")" = "$3" ] || fail_exchange write 'what was written is not what was sent'
	durable "$place"
	[ ! -h "$lock" ] || fail_exchange write "$lock is a link"
	(umask 0 && : >>"$lock")
	lockf -k -s -t 10 "$lock" /bin/sh -c "$under_lock" certpush "$place" "$2" "$4" 2>/dev/null
	case $? in
	0) ;;
	75) fail_exchange locked ;;
	76) fail_exchange changed ;;
	*) fail_exchange write 'no room, or not allowed to' ;;
	esac
	durable "$config" /cf/conf
	say "result {\"written\": true, \"sha256\": \"$(sum "$config")\"}"
}

# What a run that died left beside the configuration.
sweep() {
	set +f
	rm -f /cf/conf/.certpush-*.xml /cf/conf/backup/*.certpush
	set -f
}

fail_exchange() {
	rm -f "$place"
	fail "$1" "$config" "${2-}"
}

# --- the web GUI ----------------------------------------------------------------------------------------

restart_by_event() {
	if [ -S /var/run/check_reload_status ] && /usr/local/sbin/pfSctl -c 'service restart webgui' >/dev/null 2>&1; then
		say 'restarted event'
	else
		restart_by_script
	fi
}

# It keeps what it inherits for a long time, so it inherits nothing.
restart_by_script() {
	if command -v daemon >/dev/null 2>&1; then
		as_pfsense daemon -f /etc/rc.restart_webgui </dev/null >/dev/null 2>&1
	else
		as_pfsense nohup /etc/rc.restart_webgui </dev/null >/dev/null 2>&1 &
	fi
	say 'restarted script'
}

# restart_service NAME: another service that uses the certificate; it is told when that did not work.
restart_service() { as_pfsense /usr/local/sbin/pfSsh.php playback svc restart "$1" </dev/null >/dev/null 2>&1 || say "not-restarted $1"; }

# --- the box's own way back -------------------------------------------------------------------------------

rescue=/root/.certpush.rescue

# free_for REFID: no other run waits for its own confirmation.
free_for() {
	if [ -e "$rescue/armed" ] && waiting "$rescue" && ! grep -q "^# for $1\$" "$rescue/run"; then fail busy "$rescue"; fi
}

# Start the timer again after a reboot. pfSense runs these scripts at other times, too (when an address changes).
hook_in() {
	[ -d "${hook%/*}" ] || return 0
	cat >"$hook.new" <<HOOK
#!/bin/sh
# certpush: a new certificate of the web GUI waits to be confirmed; without that the old one comes back.
if [ -f $rescue/run ]; then exec /bin/sh $rescue/run boot; fi
rm -f $hook
HOOK
	chmod 700 "$hook.new" && mv -f "$hook.new" "$hook" || rm -f "$hook.new"
}

# after_boot: what the timer's process does when it was started by the hook; it goes on as soon as the box is up.
after_boot() {
	if waiting "$rescue" && [ "$pid" != $$ ]; then exit 0; fi
	[ -e "$rescue/armed" ] || mv -f "$rescue/fired" "$rescue/armed" 2>/dev/null || { forget "$rescue"; exit 0; }
	trap '' HUP
	passed=0
	while [ -e /var/run/booting ] && [ $passed -lt 600 ]; do
		sleep 1
		passed=$((passed + 1))
	done
	rescue "$rescue" 5
	exit 0
}

# pointer_is REFID: as pfSense writes it.
pointer_is() { grep -q "<ssl-certref>$1</ssl-certref>" "$config"; }

# go_back_to OLD NEW ALL: what the timer does. `flip_back` is defined by its script where PHP does it; where PHP cannot
# do it any more, or is not to be used, the reference is replaced in the file. Nothing but ours is touched.
left_alone='it is left as it is, because it is not ours to change any more'
go_back_to() {
	tries=0
	switched=$(flip_back)
	while [ $? -eq 75 ] && [ $tries -lt 5 ]; do
		tries=$((tries + 1))
		sleep 1
		switched=$(flip_back)
	done
	case $switched in
	*'"written":true'*) ;;
	*result* | *'fail pointer'* | *'fail gone'*) back=$left_alone && return ;;
	*)
		pointer_is "$2" || { back=$left_alone && return; }
		replace_reference "$1" "$2" "$3" || { back='and it could not be put back' && return; }
		;;
	esac
	as_pfsense /etc/rc.restart_webgui </dev/null >/dev/null 2>&1
}

replace_reference() {
	pointer_is "$2" || return 1
	before=$(sum "$config")
	place=/cf/conf/.certpush-rescue.xml
	if [ -n "$3" ]; then
		sed "/<refid>$2<\\/refid>/!s/$2/$1/g" "$config" >"$place"
	else
		sed "s/<ssl-certref>$2</<ssl-certref>$1</" "$config" >"$place"
	fi || { rm -f "$place"; return 1; }
	(umask 0 && : >>"$lock")
	lockf -k -s -t 60 "$lock" /bin/sh -c "$under_lock" certpush "$place" "$before" '' 2>/dev/null && return
	rm -f "$place"
	tries=$((${tries:-0} + 1))
	[ $tries -lt 5 ] && replace_reference "$@"
}

# --- a pair ---------------------------------------------------------------------------------------------

# holds REFID: told while an entry has it.
holds() { if grep -q "<refid>$1</refid>" "$config"; then say "holds $1"; fi; }

# synchronise: what every save of the primary's asks for; the work is done afterwards, by check_reload_status.
synchronise() { as_pfsense /usr/local/sbin/pfSctl -c 'filter sync' >/dev/null 2>&1 || say not-synchronised; }
