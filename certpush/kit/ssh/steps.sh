# What certpush brings along to a machine, whatever it does there; the steps of a kind come behind it.
# POSIX sh. Nothing runs until `main` is called, which is the last line that is sent: a connection
# that breaks before leaves a script that does nothing. Paths and values are arguments only.

LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
unset ENV BASH_ENV CDPATH
umask 077
set -f -u
# A connection that breaks later must not stop a switch half-way; children get the usual signals.
trap : HUP PIPE

tag=certpush:
me=

# myself: who we are, in `me`. What starts a program is asked for once, and where it is needed: a fleet asks a thousand machines.
myself() { if [ -z "$me" ]; then me=$(id -u); fi; }

say() {
	case "$*" in
	*[[:cntrl:]]*) printf '%s%s\n' "$tag" "$(printf '%s' "$*" | tr '\n\r' '  ')" || : ;;
	*) printf '%s%s\n' "$tag" "$*" || : ;;
	esac
}

# fail TROUBLE SUBJECT [DETAIL]
fail() {
	say "fail $1"
	say "subject $2"
	say "detail ${3-}"
	exit 65
}

there() { [ -e "$1" ] || [ -h "$1" ]; }

# erase PATH...: as `rm -f`, which is started where there is something to remove only.
erase() {
	for item in "$@"; do
		if there "$item"; then rm -f "$item"; fi
	done
}

# digest FILE: its SHA-256, in `digest`.
if command -v sha256sum >/dev/null 2>&1; then
	digest() { digest=$(sha256sum <"$1" 2>/dev/null) && digest=${digest%% *}; }
elif command -v sha256 >/dev/null 2>&1; then
	digest() { digest=$(sha256 -q "$1" 2>/dev/null); } # FreeBSD
elif command -v shasum >/dev/null 2>&1; then
	digest() { digest=$(shasum -a 256 <"$1" 2>/dev/null) && digest=${digest%% *}; }
elif command -v openssl >/dev/null 2>&1; then
	digest() { digest=$(openssl dgst -sha256 -r <"$1" 2>/dev/null) && digest=${digest%% *}; }
else
	digest() { return 1; } # `probe` tells
fi
sum() { digest "$1" && printf '%s\n' "$digest"; }

# Durable: the files and directories named, or all where `sync` takes no names.
durable() { sync "$@" 2>/dev/null || sync; }

if command -v od >/dev/null 2>&1; then
	hex() { od -An -v -tx1 | tr -d ' \n\t'; }
else
	hex() { hexdump -v -e '1/1 "%02x"'; } # OpenWrt has no od
fi

# program NAME: whether there is such a program; `command -v` would also find what the shell has built in.
program() {
	case $1 in
	*/*)
		[ -f "$1" ] && [ -x "$1" ]
		return
		;;
	esac
	old=$IFS
	IFS=:
	for folder in $PATH; do
		if [ -f "$folder/$1" ] && [ -x "$folder/$1" ]; then
			IFS=$old
			return 0
		fi
	done
	IFS=$old
	return 1
}

if command -v base64 >/dev/null 2>&1; then
	decode() { base64 -d; }
else
	decode() { openssl base64 -d; } # FreeBSD before 14
fi

# --- the machine's own way back ------------------------------------------------------------------------
#
# DIR holds the timer: the token `armed`, the script `run`, and `pid`. Whoever renames the token decides:
# rename(2) has one winner. `hook`, where a kind names one, is a file that starts the timer again after a
# reboot; it goes before DIR does. `back` says what the machine went back to.
hook=
back='the old files are back'

# claim DIR NAME: whether the token was still there, and is ours now.
claim() { mv -f "$1/armed" "$1/$2" 2>/dev/null; }

# waiting DIR: whether its timer's process is there. A process id alone may be another's by now.
waiting() {
	pid=
	read -r pid 2>/dev/null <"$1/pid"
	[ -n "$pid" ] || return 1
	# Linux tells it without a program; what is not understood there, `ps` is asked for.
	if [ -d "/proc/$$" ]; then
		[ -d "/proc/$pid" ] || return 1
		args=
		read -r args 2>/dev/null <"/proc/$pid/cmdline"
		case $args in *"$1/run"*) return 0 ;; esac
		[ -n "$args" ] || [ ! -r "/proc/$pid/cmdline" ] || return 1 # it has just ended
	fi
	if args=$(ps -ww -o args= -p "$pid" 2>/dev/null); then
		case $args in *"$1/run"*) return 0 ;; *) return 1 ;; esac
	fi
	[ -d "/proc/$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$1/run"
}

# retire DIR: end the timer that has lost the token, and remove all of it.
retire() {
	waited=0
	while waiting "$1" && [ $waited -lt 250 ]; do
		kill -TERM "-$pid" 2>/dev/null || kill "$pid" 2>/dev/null || :
		moment
	done
	forget "$1"
}

forget() {
	if [ -n "$hook" ]; then rm -f "$hook" "$hook.new"; fi
	rm -rf "$1"
}

# A fiftieth of a second, or a whole one where `sleep` knows no less; counted in `waited`.
moment() {
	if sleep 0.02 2>/dev/null; then
		waited=$((waited + 1))
	else
		sleep 1
		waited=$((waited + 50))
	fi
}

# stand_down DIR SECONDS: nothing of a timer is left; one that was faster is waited for.
stand_down() {
	[ -d "$1" ] || return 0
	if ! claim "$1" stood-down; then
		waited=0
		while [ -e "$1/fired" ] && waiting "$1" && [ $waited -lt $(($2 * 50)) ]; do moment; done
	fi
	retire "$1"
}

# arm DIR SECONDS <SCRIPT
arm() {
	if [ -d "$1" ]; then
		claim "$1" replaced || [ ! -e "$1/fired" ] || fail rescued "$1"
		retire "$1"
	fi
	err=$(mkdir -m 700 "$1" 2>&1) || fail arm "$1" "$err"
	err=$({ cat >"$1/run" && : >"$1/armed"; } 2>&1) || fail_arm "$1" "$err"
	durable "$1/run" "$1/armed" "$1"
	detach "$1"
	if ! started "$1"; then fail_arm "$1" 'it did not start'; fi
}

# A transient unit of the system outlives the login also where logind ends everything else.
detach() {
	if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1 && myself && [ "$me" = 0 ]; then
		systemd-run --quiet --collect --description='certpush: put the old certificate back' /bin/sh "$1/run" </dev/null >/dev/null 2>&1 && return
	fi
	if command -v daemon >/dev/null 2>&1 && [ "$(uname -s)" = FreeBSD ]; then
		daemon -f /bin/sh "$1/run" </dev/null >/dev/null 2>&1 # a session of its own; Linux knows another program by this name
	elif command -v setsid >/dev/null 2>&1; then
		setsid /bin/sh "$1/run" </dev/null >/dev/null 2>&1 &
	else
		(trap '' HUP && exec /bin/sh "$1/run") </dev/null >/dev/null 2>&1 &
	fi
}

started() {
	waited=0
	until [ -s "$1/pid" ]; do
		if [ $waited -gt 250 ]; then return 1; fi
		moment
	done
}

fail_arm() {
	claim "$1" failed || :
	retire "$1"
	fail arm "$1" "$2"
}

# still_armed DIR: the timer has not fired. Asked once the new files are in place: a timer that fired before
# them found nothing to put back, and none would be left to do it.
still_armed() { [ -e "$1/armed" ] || fail rescued "$1"; }

# rescue DIR SECONDS: what the timer's process does; `go_back` is defined by its script.
rescue() {
	echo $$ >"$1/pid.new" && mv -f "$1/pid.new" "$1/pid"
	passed=0
	while [ $passed -lt "$2" ]; do
		if [ ! -e "$1/armed" ]; then exit 0; fi
		sleep 1
		passed=$((passed + 1))
	done
	claim "$1" fired || exit 0
	go_back
	say "the new certificate was not confirmed within $2 s; $back"
	forget "$1"
}

# confirm DIR: ours, unless the timer was faster. A token that is gone was taken by either: `settled` tells by whom.
confirm() {
	claimed=
	if claim "$1" confirmed; then
		claimed=1
	elif [ -e "$1/fired" ]; then
		fail rescued "$1"
	fi
	retire "$1"
}
