# SPDX-License-Identifier: Apache-2.0
# Shared by dev and the scripts under tests/: sourced, not run.

say() { printf '%s\n' "$@"; }          # one line per argument
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# The time since $1 (a value of EPOCHREALTIME) in seconds, with one decimal.
since() {
        local tenths=$(((${EPOCHREALTIME/[.,]/} - ${1/[.,]/}) / 100000))
        printf '%d.%d s' $((tenths / 10)) $((tenths % 10))
}

# quietly LOG COMMAND...: one log file, and silence unless the command fails.
quietly() {
        local log=$1
        shift
        mkdir -p "${log%/*}"
        "$@" >"$log" 2>&1 || { cat "$log" >&2; die "failed: $* (log: $log)"; }
}
