# Written by packaging/linux/commands.py from the program's grammar.
_lanchat_server() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    COMPREPLY=()
    local command=lanchat-server word skip=
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if [[ -n $skip ]]; then skip=; continue; fi
        case $word in
            --admin-url|--admin-url-file|--author|--backup-folder|--backup-keep|--backup-time|--charset|--column|--config|--data-dir|--database|--days|--discovery-port|--display-name|--email|--format|--host|--keep|--language|--log-level|--made-by|--name|--password-file|--port|--public-host|--role|--room|--table|--timeout|--to|--users|--uses) skip=1 ;;
            -*) ;;
            *) case "$command $word" in
                "lanchat-server run"|"lanchat-server init-db"|"lanchat-server users"|"lanchat-server users list"|"lanchat-server users add"|"lanchat-server users disable"|"lanchat-server users enable"|"lanchat-server users set-role"|"lanchat-server users set-name"|"lanchat-server users delete"|"lanchat-server users reset-password"|"lanchat-server users kick"|"lanchat-server users invite-code"|"lanchat-server users invite-codes"|"lanchat-server users void-code"|"lanchat-server users devices"|"lanchat-server users revoke-device"|"lanchat-server rooms"|"lanchat-server rooms list"|"lanchat-server rooms archive"|"lanchat-server rooms unarchive"|"lanchat-server rooms delete"|"lanchat-server rooms rename"|"lanchat-server quarantine"|"lanchat-server quarantine list"|"lanchat-server quarantine take"|"lanchat-server quarantine drop"|"lanchat-server status"|"lanchat-server stop"|"lanchat-server service"|"lanchat-server service install"|"lanchat-server service remove"|"lanchat-server service start"|"lanchat-server service stop"|"lanchat-server service run"|"lanchat-server backup"|"lanchat-server restore"|"lanchat-server copy-database"|"lanchat-server import-users"|"lanchat-server import-messages"|"lanchat-server window") command="$command $word" ;;
            esac ;;
        esac
    done
    case $before in
        --admin-url-file|--config|--password-file|--users) compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); return ;;
        --admin-url|--author|--backup-keep|--backup-time|--charset|--column|--database|--days|--discovery-port|--display-name|--email|--host|--keep|--made-by|--name|--port|--public-host|--room|--table|--timeout|--uses) :; return ;;
        --backup-folder|--data-dir|--to) compopt -o filenames; COMPREPLY=($(compgen -d -- "$current")); return ;;
        --language) COMPREPLY=($(compgen -W "en ru" -- "$current")); return ;;
        --log-level) COMPREPLY=($(compgen -W "debug info warning error" -- "$current")); return ;;
        --role) COMPREPLY=($(compgen -W "member moderator administrator" -- "$current")); return ;;
        --format) COMPREPLY=($(compgen -W "csv sql" -- "$current")); return ;;
    esac
    case "$command" in
        "lanchat-server")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --version --check --licences --licenses --config --database --data-dir --json --language --name --host --port --public-host --no-discovery --discovery-port --standby --reseed --backup-folder --backup-keep --backup-time --log-level" -- "$current"))
            else COMPREPLY=($(compgen -W "run init-db users rooms quarantine status stop service backup restore copy-database import-users import-messages window" -- "$current")); fi ;;
        "lanchat-server run")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --name --host --port --public-host --no-discovery --discovery-port --standby --reseed --backup-folder --backup-keep --backup-time --log-level --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server init-db")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --admin-url --admin-url-file --dry-run --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server users")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "list add disable enable set-role set-name delete reset-password kick invite-code invite-codes void-code devices revoke-device" -- "$current")); fi ;;
        "lanchat-server users list")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server users add")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language --role --email --display-name --password-file" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server users disable")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server users enable")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server users set-role")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "member moderator administrator" -- "$current")); fi ;;
        "lanchat-server users set-name")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server users delete")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server users reset-password")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server users kick")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server users invite-code")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language --uses --days" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server users invite-codes")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server users void-code")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server users devices")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server users revoke-device")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server rooms")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "list archive unarchive delete rename" -- "$current")); fi ;;
        "lanchat-server rooms list")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --made-by --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server rooms archive")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --made-by --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server rooms unarchive")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --made-by --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server rooms delete")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --made-by --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server rooms rename")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server quarantine")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "list take drop" -- "$current")); fi ;;
        "lanchat-server quarantine list")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --author --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server quarantine take")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --author --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server quarantine drop")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --author --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server status")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server stop")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --timeout --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server service")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "install remove start stop run" -- "$current")); fi ;;
        "lanchat-server service install")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --name --host --port --public-host --no-discovery --discovery-port --standby --reseed --backup-folder --backup-keep --backup-time --log-level --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server service remove")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server service start")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server service stop")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server service run")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --name --host --port --public-host --no-discovery --discovery-port --standby --reseed --backup-folder --backup-keep --backup-time --log-level --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server backup")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --to --keep --config --database --data-dir --json --language" -- "$current"))
            else compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); fi ;;
        "lanchat-server restore")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --force --yes --config --database --data-dir --json --language" -- "$current"))
            else compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); fi ;;
        "lanchat-server copy-database")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
        "lanchat-server import-users")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --format --table --column --charset --dry-run --config --database --data-dir --json --language" -- "$current"))
            else compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); fi ;;
        "lanchat-server import-messages")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --format --table --column --charset --dry-run --room --users --make-accounts --utc --config --database --data-dir --json --language" -- "$current"))
            else compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); fi ;;
        "lanchat-server window")
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W "-h --help --name --host --port --public-host --no-discovery --discovery-port --standby --reseed --backup-folder --backup-keep --backup-time --log-level --hidden --config --database --data-dir --json --language" -- "$current"))
            else COMPREPLY=($(compgen -W "" -- "$current")); fi ;;
    esac
}
complete -F _lanchat_server lanchat-server
