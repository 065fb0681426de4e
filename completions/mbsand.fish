# fish completion for mbsand: the program itself says what may come next.
complete -c mbsand -a '(set -l words (commandline -opc) (commandline -ct); $words[1] complete $words[2..-1] 2>/dev/null)'
