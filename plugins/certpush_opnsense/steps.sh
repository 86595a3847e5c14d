# What the opnsense kind does on a firewall, behind the steps of certpush.kit.ssh. Nothing runs until `main` is called.

config=/conf/config.xml
rescue=/var/run/certpush.rescue
back='the web GUI has its former certificate back'

probe() {
	myself
	say "user $me"
	say "date $(date +%s)"
	for one in awk cat chmod date df grep id kill logger mkdir mv ps rm sed sleep tail tr uname wc; do
		program "$one" || say "missing $one"
	done
	[ -x /usr/local/bin/php ] || say 'missing /usr/local/bin/php'
	[ -x /usr/local/sbin/configctl ] || say 'missing /usr/local/sbin/configctl'
	[ -w "$config" ] || say "unwritable $config"
	set -- $(df -Pk "${config%/*}" 2>/dev/null | tail -n 1)
	say "free ${4:-0}"
}

# Constant: the program and its task are read from standard input.
loader='eval("?>" . stream_get_contents(STDIN, (int) fgets(STDIN)));'

run_php() { CERTPUSH_TAG=$tag /usr/local/bin/php -d display_errors=0 -d log_errors=0 -r "$loader" 2>/dev/null; }

# transact <PROGRAM AND TASK
transact() {
	[ -x /usr/local/bin/php ] || fail no-php /usr/local/bin/php
	run_php
	case $? in
	0) ;;
	65) exit 65 ;;
	75) fail changed "$config" ;;
	*) fail php "$config" ;;
	esac
}

restart_gui() { /usr/local/sbin/configctl webgui restart </dev/null >/dev/null 2>&1 || fail restart configctl; }

# pointed REFID: the web GUI has this certificate, as OPNsense writes it; else the timer was there before us.
pointed() { grep -q "<ssl-certref>$1</ssl-certref>" "$config" || fail rescued "$config"; }

# go_back_by_php: what the timer does; `flip_back` is defined by its script. Somebody else who writes is waited for.
go_back_by_php() {
	tries=0
	flip_back >/dev/null
	status=$?
	while [ $status -eq 75 ] && [ $tries -lt 10 ]; do
		tries=$((tries + 1))
		sleep 1
		flip_back >/dev/null
		status=$?
	done
	if [ $status -ne 0 ]; then
		back='and it could not be put back, or is not ours to change any more'
		return
	fi
	/usr/local/sbin/configctl webgui restart </dev/null >/dev/null 2>&1
}
