# bash completion for mbsand: the program itself says what may come next.
_mbsand() {
    local IFS=$'\n' word prefix=
    local -a words=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do # to bash, "=" is a word of its own: KEY=VALUE is one again
        if [[ ${#words[@]} -gt 0 && ($word == "=" || ${words[-1]} == *=) ]]; then
            words[-1]+=$word
            prefix=${words[-1]%"${words[-1]##*=}"}
        else
            words+=("$word") prefix=
        fi
    done
    mapfile -t COMPREPLY < <("${COMP_WORDS[0]}" complete "${words[@]}" 2>/dev/null)
    COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o default -F _mbsand mbsand
