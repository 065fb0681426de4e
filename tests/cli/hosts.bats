# A sweep over several hosts: network namespaces with a cable each to one switch, their own host names, and ranks that Open MPI
# starts there and that speak TCP. Skipped without root, Open MPI (`.ci/packages cluster`) or network namespaces.

bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    mpi="$root/build/lua5.4-release-gcc-mpi/mbsand"
    command -v mpirun >/dev/null || skip "Open MPI is not installed"
    command -v ip >/dev/null || skip "iproute2 is not installed"
    [ -x "$mpi" ] || skip "no build with MPI=1"
    [ "$(id -u)" -eq 0 ] || skip "network namespaces want root"
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    name=mb$BASHPID
    hosts=("$name"-1 "$name"-2 "$name"-3 "$name"-4)
    wire 2>wire.log || { unwire; skip "no network namespaces here: $(tail -n 1 wire.log)"; }
    # What ssh would be: the command, in the network and with the name of the host.
    cat >agent.sh <<'END'
#!/bin/bash
host=$1
shift
exec ip netns exec "$host" unshare -u bash -c 'hostname "$0"; exec bash -c "$1"' "$host" "$*"
END
    chmod +x agent.sh
    sed 's/limit = 300/limit = 3000/' "$root/tests/sandbox/small.lua" >s.lua
    grid=(--over cluster.gpus=1..8 --policy multi_bin_dynamic --seeds 5 -q)
}

teardown() { [ -z "${hosts:-}" ] || unwire; }

# Nothing of it is in the namespace of this machine, so that nothing there can be in the way.
wire() {
    ip netns add "$name" && ip -n "$name" link add switch type bridge && ip -n "$name" link set switch up || return 1
    for i in 1 2 3 4; do
        local host=${hosts[i - 1]}
        ip netns add "$host" && ip -n "$name" link add port$i type veth peer name eth0 netns "$host" &&
            ip -n "$name" link set port$i master switch up && ip -n "$host" addr add 10.99.7.$i/24 dev eth0 &&
            ip -n "$host" link set eth0 up && ip -n "$host" link set lo up || return 1
    done
    unshare -u true
}

unwire() {
    for one in "${hosts[@]}" "$name"; do
        ip netns pids "$one" 2>/dev/null | xargs -r kill -9
        ip netns del "$one" 2>/dev/null || true
    done
}

# on_hosts N COMMAND...: a rank on each of the first N hosts, started from the first.
on_hosts() {
    local list
    list=$(IFS=,; echo "${hosts[*]:0:$1}")
    ./agent.sh "${hosts[0]}" timeout 300 mpirun --mca plm_rsh_agent "$PWD/agent.sh" --mca btl self,tcp \
        --mca btl_tcp_if_include 10.99.7.0/24 --mca oob_tcp_if_include 10.99.7.0/24 \
        --enable-recovery --host "$list" -np "$1" "${@:2}"
}

rows() { "$MBSAND" show "$1" --format csv 2>/dev/null | sed 's/,[^,]*,[^,]*$//'; }

received() { ip netns exec "$1" cat /sys/class/net/eth0/statistics/rx_bytes; } # (ip netns exec mounts its own /sys)

@test "1, 2 and 4 hosts write the rows of one process" {
    "$MBSAND" sweep s.lua "${grid[@]}" --db one.db 2>/dev/null
    rows one.db >one.csv
    printf '#!/bin/bash\nhostname >rank.$OMPI_COMM_WORLD_RANK\nexec "%s" "$@"\n' "$mpi" >wrap.sh
    chmod +x wrap.sh
    for ranks in 1 2 4; do
        rm -f rank.*
        on_hosts $ranks ./wrap.sh sweep s.lua "${grid[@]}" --db $ranks.db >err 2>&1 || { cat err; return 1; }
        grep -qx "mbsand: 80 of 80 runs are in $ranks.db" err
        cmp one.csv <(rows $ranks.db)
        [ "$(cat rank.* | sort)" = "$(printf '%s\n' "${hosts[@]:0:$ranks}" | sort)" ]
    done
    for host in "${hosts[@]}"; do # results went over the cables
        [ "$(received "$host")" -gt 2000 ] || { echo "$host received $(received "$host") bytes"; return 1; }
    done
}

# begin_sweep: on four hosts, into l.db, as $pid; one.db has what one process gives. Some runs are done when it returns.
begin_sweep() {
    sed -i 's/limit = 3000/limit = 30000/' s.lua
    "$MBSAND" sweep s.lua "${grid[@]}" --db one.db 2>/dev/null
    printf '#!/bin/bash\necho $$ >rank.$OMPI_COMM_WORLD_RANK\nexec "%s" "$@"\n' "$mpi" >wrap.sh
    chmod +x wrap.sh
    on_hosts 4 ./wrap.sh sweep s.lua "${grid[@]}" --db l.db >out 2>&1 &
    pid=$!
    for _ in $(seq 600); do
        [ -s rank.2 ] && [ "$(sqlite3 l.db "SELECT count(*) FROM runs" 2>/dev/null || echo 0)" -gt 3 ] && break
        sleep 0.05
    done
}

@test "a rank that is killed on another host is survived" {
    begin_sweep
    kill -9 "$(<rank.2)"
    code=0
    wait $pid || code=$?
    [ "$code" -eq 0 ] || { cat out; return 1; }
    grep -qx "mbsand: 80 of 80 runs are in l.db" out
    cmp <(rows one.db) <(rows l.db)
}

@test "a cable that is pulled: the others do the runs of that host" {
    begin_sweep
    ip -n "${hosts[2]}" link set eth0 down
    # mpirun itself waits for its daemon on that host, so the sweep has ended before it has.
    for _ in $(seq 1200); do
        grep -q "did not answer" out && break
        sleep 0.05
    done
    grep -qx "mbsand: 80 of 80 runs are in l.db" out || { cat out; return 1; }
    grep -qx "mbsand: some ranks did not answer; the others did their runs" out
    cmp <(rows one.db) <(rows l.db)
    ip netns pids "${hosts[0]}" | xargs kill -9
    wait $pid || true
}
