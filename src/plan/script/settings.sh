# Changes the settings file $settings by replacing bytes. Its other contents, which may be secret, are unknown here; the
# checksum $settings_sum (empty if there was no file) shows whether it is the file that the plan was made from.
# $settings_text is the content of a new file. The triples OFFSET LENGTH TEXT in settings_forth make the change, and
# those in settings_back undo it.

sum_of() { sha256sum <"$1" | cut -d ' ' -f 1; }
# spliced FILE OFFSET LENGTH TEXT...: the file with TEXT in place of LENGTH bytes from OFFSET, for each three; in order.
spliced() {
    local file=$1 at=0
    shift
    while [ "$#" -gt 0 ]; do
        [ "$1" = "$at" ] || head -c "$1" -- "$file" | tail -c "$(( $1 - at ))" || return 1
        printf '%s' "$3" || return 1
        at=$(( $1 + $2 ))
        shift 3
    done
    tail -c "+$(( at + 1 ))" -- "$file"
}
settings_absent() { [ ! -e "$settings" ] && [ ! -L "$settings" ]; }
settings_were() { [ -f "$settings" ] && [ "$(sum_of "$settings")" = "$1" ]; }
# settings_became SUM OFFSET LENGTH TEXT...: whether taking the change back gives the file with that sum.
settings_became() {
    local sum=$1
    shift
    [ -f "$settings" ] && [ "$(spliced "$settings" "$@" | sha256sum | cut -d ' ' -f 1)" = "$sum" ]
}
settings_are_old() {
    if [ -z "$settings_sum" ]; then settings_absent; else settings_were "$settings_sum"; fi
}
settings_are_new() {
    if [ -z "$settings_sum" ]; then
        settings_were "$(printf '%s' "$settings_text" | sha256sum | cut -d ' ' -f 1)"
    elif [ "${#settings_back[@]}" = 0 ]; then
        settings_were "$settings_sum"
    else
        settings_became "$settings_sum" "${settings_back[@]}"
    fi
}
write_settings() {
    if [ -z "$settings_sum" ]; then make_settings; elif [ "${#settings_forth[@]}" -gt 0 ]; then change_settings; fi
}
# The changed file is made beside the old one, with its owner, mode and label, and takes its place whole.
change_settings() {
    local file beside
    file=$(settings_file)
    beside=$file.thinspect-new
    settings_were "$settings_sum" || stop "$settings is not what it was when it was recorded; make a new plan"
    rm -f -- "$beside"
    { cp -a -- "$file" "$beside" && spliced "$file" "${settings_forth[@]}" >"$beside"; } ||
        { rm -f -- "$beside"; stop "$beside could not be written; $settings is as it was"; }
    if have chcon; then chcon --reference="$file" -- "$beside" 2>/dev/null || true; fi
    if [ "$(spliced "$beside" "${settings_back[@]}" | sha256sum | cut -d ' ' -f 1)" != "$settings_sum" ] ||
        ! settings_were "$settings_sum"; then
        rm -f -- "$beside"
        stop "the changed file is not what it should be; $settings is as it was"
    fi
    run mv -f -- "$beside" "$file"
}
make_settings() {
    local beside=$settings.thinspect-new
    settings_absent || stop "$settings is there by now; make a new plan"
    run mkdir -p -- "${settings%/*}"
    { (umask 022 && printf '%s' "$settings_text" >"$beside") && mv -f -- "$beside" "$settings"; } ||
        { rm -f -- "$beside"; stop "$settings could not be written"; }
    if have restorecon; then restorecon -- "$settings" 2>/dev/null || true; fi
}
