#!/bin/sh
# Holds the agent's size: benches/size.sh DYNAMIC STATIC, both as they ship (release profile, stripped).
# In pods the size is memory: most of what is resident is the program itself.
set -eu
check() {
    size=$(wc -c <"$1")
    echo "$1: $size bytes, at most $2"
    [ "$size" -le "$2" ]
}
[ $# -eq 2 ] || { echo "usage: $0 DYNAMIC STATIC" >&2; exit 64; }
check "$1" 7350000
check "$2" 8500000
