# Written by packaging/linux/commands.py from the program's grammar.
_lanchat() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    COMPREPLY=()
    local command=lanchat word skip=
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if [[ -n $skip ]]; then skip=; continue; fi
        case $word in
            --before|--code|--count|--days|--discovery-port|--display-name|--email|--fingerprint|--for|--history|--index|--invite|--invite-code|--language|--limit|--new-password-file|--out|--password-file|--profile|--reply-to|--search|--server|--setup-code|--text|--timeout|--user|--uses) skip=1 ;;
            -*) ;;
            *) case "$command $word" in
                "lanchat window"|"lanchat discover"|"lanchat register"|"lanchat login"|"lanchat logout"|"lanchat recover"|"lanchat rooms"|"lanchat rooms archive"|"lanchat rooms unarchive"|"lanchat rooms delete"|"lanchat create-room"|"lanchat join"|"lanchat leave"|"lanchat invite"|"lanchat invite-code"|"lanchat invite-codes"|"lanchat invite-codes void"|"lanchat remove"|"lanchat online"|"lanchat peers"|"lanchat devices"|"lanchat devices revoke"|"lanchat password"|"lanchat send"|"lanchat send-file"|"lanchat get-file"|"lanchat edit"|"lanchat delete"|"lanchat react"|"lanchat listen"|"lanchat history"|"lanchat search"|"lanchat receipts"|"lanchat export"|"lanchat chat") command="$command $word" ;;
            esac ;;
        esac
    done
    case $before in
        --before|--code|--count|--days|--discovery-port|--display-name|--email|--fingerprint|--for|--history|--index|--invite|--invite-code|--limit|--reply-to|--search|--server|--setup-code|--text|--timeout|--user|--uses) :; return ;;
        --profile) compopt -o filenames; COMPREPLY=($(compgen -d -- "$current")); return ;;
        --new-password-file|--out|--password-file) compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); return ;;
        --language) COMPREPLY=($(compgen -W "en ru" -- "$current")); return ;;
    esac
    case "$command" in
        "lanchat")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --version --check --licences --licenses --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "window discover register login logout recover rooms create-room join leave invite invite-code invite-codes remove online peers devices password send send-file get-file edit delete react listen history search receipts export chat" -- "$current")); fi ;;
        "lanchat window")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --hidden --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat discover")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat register")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --email --display-name --invite-code --setup-code --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat login")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat logout")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat recover")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --code --revoke-devices --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat rooms")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "archive unarchive delete" -- "$current")); fi ;;
        "lanchat rooms archive")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat rooms unarchive")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat rooms delete")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat create-room")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --private --since-joining --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat join")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat leave")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat invite")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat invite-code")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --uses --days --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat invite-codes")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "void" -- "$current")); fi ;;
        "lanchat invite-codes void")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat remove")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat online")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --all --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat peers")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat devices")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "revoke" -- "$current")); fi ;;
        "lanchat devices revoke")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat password")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --new-password-file --revoke-devices --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat send")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --reply-to --allow-pending --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat send-file")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --text --reply-to --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); fi ;;
        "lanchat get-file")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --out --index --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat edit")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --allow-pending --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat delete")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --allow-pending --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat react")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --remove --allow-pending --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat listen")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --history --count --for --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat history")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --limit --before --search --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat search")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --limit --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat receipts")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat export")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); fi ;;
        "lanchat chat")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --server --fingerprint --invite --accept-new --profile --user --password-file --timeout --json --discovery-port --no-udp --language --verbose" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
    esac
}
complete -F _lanchat lanchat
