# Sweeps on more than one machine, on the engines that machines are shared with: Open MPI and Slurm. Skipped where they
# are not installed (`.ci/packages cluster` does).

bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    mpi="$root/build/lua5.4-release-gcc-mpi/mbsand"
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
    sed 's/limit = 300/limit = 3000/' "$root/tests/sandbox/small.lua" >s.lua
    grid=(--over cluster.gpus=1..8 --policy multi_bin_dynamic --seeds 10)
}

needs_mpi() {
    command -v mpirun >/dev/null || skip "Open MPI is not installed"
    [ -x "$mpi" ] || skip "no build with MPI=1"
}

rows() { "$MBSAND" show "$1" --format csv 2>/dev/null | sed 's/,[^,]*,[^,]*$//'; }

# some_runs FILE: wait until the database has runs.
some_runs() {
    for _ in $(seq 600); do
        [ "$(sqlite3 "$1" "SELECT count(*) FROM runs" 2>/dev/null || echo 0)" -gt 5 ] && return 0
        sleep 0.05
    done
    return 1
}

@test "1, 2 and 4 ranks write the rows of one process" {
    needs_mpi
    "$MBSAND" sweep s.lua "${grid[@]}" --db one.db -q 2>/dev/null
    rows one.db >one.csv
    for ranks in 1 2 4; do
        timeout 300 mpirun -np $ranks "$mpi" sweep s.lua "${grid[@]}" --db $ranks.db -q 2>err || { cat err; return 1; }
        grep -qx "mbsand: 160 of 160 runs are in $ranks.db" err
        cmp one.csv <(rows $ranks.db)
        [ "$(sqlite3 $ranks.db "SELECT count(*) FROM inputs")" = "$(sqlite3 one.db "SELECT count(*) FROM inputs")" ]
    done
    # What is there is not run again, and mistakes end all ranks.
    timeout 300 mpirun -np 2 "$mpi" sweep s.lua "${grid[@]}" --db 2.db -q 2>err
    grep -qx "mbsand: 160 of 160 runs are in 2.db, 160 of them from before" err
    code=0
    timeout 300 mpirun -np 2 "$mpi" sweep s.lua --over cluster.gpus=0 --db 3.db -q 2>err || code=$?
    [ "$code" -eq 2 ]
    grep -q "cluster.gpus is 0" err
}

@test "a rank that is killed: the others do its runs, or the same command goes on" {
    needs_mpi
    sed -i 's/limit = 3000/limit = 30000/' s.lua
    mpi_one=(sweep s.lua "${grid[@]}" -q)
    "$mpi" "${mpi_one[@]}" --db one.db 2>/dev/null
    rows one.db >one.csv
    printf '#!/bin/bash\necho $$ >rank.$OMPI_COMM_WORLD_RANK\nexec "%s" "$@"\n' "$mpi" >wrap.sh
    chmod +x wrap.sh
    for recovery in --enable-recovery ""; do
        rm -f l.db* rank.*
        # shellcheck disable=SC2086 # an option or none
        timeout 300 mpirun $recovery -np 3 ./wrap.sh "${mpi_one[@]}" --db l.db >out 2>&1 &
        pid=$!
        some_runs l.db
        kill -9 "$(<rank.2)"
        code=0
        wait $pid || code=$?
        if [ -n "$recovery" ]; then
            [ "$code" -eq 0 ] || { cat out; return 1; }
            grep -qx "mbsand: 160 of 160 runs are in l.db" out
        else
            [ "$code" -ne 0 ]
            timeout 300 mpirun -np 2 "$mpi" "${mpi_one[@]}" --db l.db 2>out
            grep -q "mbsand: 160 of 160 runs are in l.db, .* of them from before" out
        fi
        cmp one.csv <(rows l.db)
    done
}

@test "a rank that reads another policy ends the sweep" {
    needs_mpi
    mkdir home
    cp -r "$root"/lua "$root"/policies "$root"/data "$root"/scenarios home
    echo "-- changed" >>home/policies/multi_bin_dynamic.lua
    code=0
    timeout 300 mpirun -np 1 env MBSAND_HOME="$root" "$mpi" sweep s.lua "${grid[@]}" --db k.db -q : \
        -np 1 env MBSAND_HOME="$PWD/home" "$mpi" sweep s.lua "${grid[@]}" --db k.db -q 2>err || code=$?
    [ "$code" -eq 1 ]
    grep -q "mbsand: rank 1: the policy policies/multi_bin_dynamic.lua is another there (sha256 " err
}

# Slurm's daemons of this test alone, as root.
start_slurm() {
    mkdir -p state spool
    dd if=/dev/urandom of=munge.key bs=1 count=1024 2>/dev/null
    chmod 400 munge.key
    munged --force --key-file="$PWD/munge.key" --socket="$PWD/munge.socket" --pid-file="$PWD/munge.pid" \
        --log-file="$PWD/munge.log" --seed-file="$PWD/munge.seed"
    cat >slurm.conf <<END
ClusterName=test
SlurmctldHost=localhost
AuthType=auth/munge
AuthInfo=socket=$PWD/munge.socket
SlurmUser=root
SlurmdUser=root
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation=$PWD/state
SlurmdSpoolDir=$PWD/spool
SlurmctldPidFile=$PWD/ctld.pid
SlurmdPidFile=$PWD/d.pid
SlurmctldLogFile=$PWD/ctld.log
SlurmdLogFile=$PWD/d.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
NodeName=localhost CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
    export SLURM_CONF=$PWD/slurm.conf
    slurmctld && slurmd -N localhost
}

stop_slurm() {
    for pid in d.pid ctld.pid munge.pid; do [ -s $pid ] && kill "$(<$pid)"; done
    return 0
}

@test "the batch script of docs/results.md, in a queue of Slurm" {
    command -v sbatch >/dev/null && command -v munged >/dev/null || skip "Slurm is not installed"
    [ "$(id -u)" -eq 0 ] || skip "Slurm's daemons want root"
    awk '/^```sh/ { p = 1; next } /^```/ { p = 0 } p' "$root/docs/results.md" |
        sed 's/--array=1-16/--array=1-3/; s/--cpus-per-task=8/--cpus-per-task=1/; s#scenarios/burst.lua#s.lua#' >batch.sh
    mkdir bin
    ln -s "$MBSAND" bin/mbsand
    start_slurm 2>start.log || { stop_slurm; skip "Slurm's daemons do not start here: $(tail -n 1 start.log)"; }
    PATH=$PWD/bin:$PATH sbatch --wait --export=ALL batch.sh >sbatch.log 2>&1 || { cat sbatch.log ctld.log slurm-*.out; stop_slurm; return 1; }
    stop_slurm
    "$MBSAND" merge all.db part-*.db
    "$MBSAND" sweep s.lua --over cluster.gpus=2..16:x2 --seeds 5 --db one.db -q
    cmp <(rows one.db) <(rows all.db)
    [ "$(rows all.db | wc -l)" -eq 21 ]
}
