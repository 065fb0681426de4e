# Disks of this test's own that are really full, or really read-only: a sentence, and nothing lost.

bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    cat >s.lua <<'END'
return scenario { workload = synthetic { arrivals = arrivals.poisson { rate = 3 }, prompt = lengths.uniform { low = 10, high = 200 },
    output = lengths.uniform { low = 5, high = 100 }, limit = 50 },
  latency = latency.batch { alpha = 0.05, beta = 0.01, gamma = 0.3 }, cluster = { gpus = 1 }, policies = { "static_fifo", "static_sjf" },
  seeds = 150 }
END
    mkdir disk
    unshare -rm sh -c 'mount -t tmpfs -o size=64k none disk' 2>why || skip "no file system can be mounted here: $(head -1 why)"
}

# on_disk SIZE SCRIPT: a shell in which ./disk is a file system of this size; `grow` and `lock` change it.
on_disk() {
    cat >script.sh <<END
set -e
export MBSAND=$MBSAND TMPDIR=$BATS_TEST_TMPDIR COLUMNS=100
mount -t tmpfs -o size=$1 none disk
grow() { mount -o remount,size=20m disk; }
lock() { mount -o remount,ro disk; }
fails() { code=0; "\$@" >out 2>err || code=\$?; [ \$code -eq 1 ] || [ \$code -eq 2 ] || { echo "\$* ended with \$code"; cat out err; exit 1; }; }
told() { grep -q -- "\$1" err || { echo "expected: \$1"; cat err; exit 1; }; }
$2
END
    run unshare -rm bash script.sh
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
}

@test "a sweep on a disk that becomes full goes on when there is room, to the same rows" {
    "$MBSAND" sweep s.lua --db right.db -q 2>/dev/null
    "$MBSAND" show right.db --format csv 2>/dev/null | sed 's/,[^,]*,[^,]*$//' >right.csv
    on_disk 500k '
        fails "$MBSAND" sweep s.lua --db disk/a.db -q --bound
        told "disk/a.db cannot be written: the disk is full; what was finished is kept, and the same command goes on from there"
        fails "$MBSAND" sweep s.lua --db disk/a.db -q
        grow
        "$MBSAND" sweep s.lua --db disk/a.db -q 2>err
        grep -q "300 of 300 runs are in disk/a.db, [1-9][0-9]* of them from before" err || { cat err; exit 1; }
        "$MBSAND" show disk/a.db --format csv 2>/dev/null | sed "s/,[^,]*,[^,]*\$//" | cmp - right.csv
        "$MBSAND" sweep s.lua --db disk/a.db -q --bound 2>err
        grep -q "bounds of 1 of 1 points are there" err'
}

@test "a database on a read-only disk is shown, and not written" {
    on_disk 20m '
        "$MBSAND" sweep s.lua --seeds 3 --db disk/a.db -q 2>/dev/null
        "$MBSAND" sweep s.lua --seeds 4 --db disk/part.db --shard 1/2 -q 2>/dev/null
        "$MBSAND" show disk/a.db >before
        lock
        "$MBSAND" show disk/a.db | cmp - before
        fails "$MBSAND" sweep s.lua --seeds 3 --db disk/a.db -q
        told "disk/a.db cannot be written: Read-only file system"
        fails "$MBSAND" sweep s.lua --seeds 3 --db disk/new.db -q
        told "disk/new.db cannot be written: Read-only file system"
        fails "$MBSAND" merge disk/m.db disk/part.db
        told "disk/m.db cannot be written: Read-only file system"
        "$MBSAND" merge m.db disk/part.db
        fails "$MBSAND" show disk/a.db --out disk/folder
        told "cannot make the folder disk/folder: Read-only file system"
        "$MBSAND" compare disk/a.db disk/a.db >/dev/null'
}

@test "a case that finds no room, or may not be written, is a sentence; what stood there stays" {
    on_disk 40k '
        fails "$MBSAND" pack s.lua --seeds 20 -o disk/a.mbs
        told "disk/a.mbs cannot be written: the disk is full"
        [ -z "$(ls -A disk)" ] || { ls -A disk; exit 1; }
        grow
        "$MBSAND" pack s.lua --seeds 2 -o disk/a.mbs >/dev/null
        sum=$(sha256sum disk/a.mbs)
        lock
        fails "$MBSAND" pack s.lua --seeds 3 -o disk/a.mbs
        told "disk/a.mbs: Read-only file system"
        "$MBSAND" verify disk/a.mbs >/dev/null
        [ "$(sha256sum disk/a.mbs)" = "$sum" ]
        fails "$MBSAND" explain s.lua --set cluster.gpus=1 -o disk/s.lua
        told "cannot write disk/s.csv: Read-only file system"
        TMPDIR=disk; export TMPDIR # a case is unpacked there
        fails "$MBSAND" run disk/a.mbs
        told "Read-only\|read-only"'
}
