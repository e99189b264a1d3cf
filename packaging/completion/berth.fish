# Completion of berth for fish. The words come from `berth __complete`, so that there is one table of commands and
# options.

function __berth_complete
    set -l words (commandline -opc)
    set -l last (commandline -ct)
    set -e words[1]
    test (count $argv) -gt 0; and set words $argv $words
    set -l answer (berth __complete -- $words $last 2>/dev/null)
    switch "$answer[1]"
        case ':files'
            __fish_complete_path $last
        case ':dirs'
            __fish_complete_directories $last ''
        case '*'
            for line in $answer[2..-1]
                echo $line
            end
    end
end

complete -c berth -f -a '(__berth_complete)'
complete -c berth-compose -f -a '(__berth_complete compose)'
