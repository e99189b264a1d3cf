# Completion of berth (and of berth-compose and docker-compose, when they are links to it) for bash. The words come
# from `berth __complete`, so that there is one table of commands and options.

_berth() {
    local line=${COMP_LINE:0:COMP_POINT} words word kind current=${COMP_WORDS[COMP_CWORD]}
    local tab=$'\t'
    COMPREPLY=()

    # bash cuts words at ":" and "=", which image names and options hold.
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    case ${words[0]##*/} in
    berth) words=("${words[@]:1}") ;;
    *) words[0]=compose ;;
    esac
    local last=${words[${#words[@]} - 1]} found=() kept=""
    [[ $current == [=:] ]] && current=""
    [[ $last == *[=:]* ]] && kept=${last%"$current"}

    while IFS= read -r word; do
        if [[ $word == :* ]]; then
            kind=$word
        elif [[ ${word%%"$tab"*} == "$last"* ]]; then
            found+=("${word%%"$tab"*}")
        fi
    done < <(berth __complete -- "${words[@]}" 2>/dev/null)

    case $kind in
    :files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    :dirs) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    *) for word in "${found[@]}"; do COMPREPLY+=("${word#"$kept"}"); done ;;
    esac
}

complete -F _berth berth berth-compose
