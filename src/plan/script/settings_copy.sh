# --- settings, as they were -------------------------------------------------------------------------------------------

kept=$store/${settings##*/}
keep_settings() {
    [ ! -e "$kept" ] || return 0
    if [ -e "$settings" ]; then
        cp -aL -- "$settings" "$kept.part"
    else
        : >"$kept.part"
    fi
    mv -f -- "$kept.part" "$kept"
}
# The current file is kept in the store, as it may have been changed since.
restore_settings() {
    local file
    file=$(settings_file)
    [ ! -e "$file" ] || run cp -a -- "$file" "$kept.replaced"
    if [ -s "$kept" ]; then
        rm -f -- "$file.thinspect-new"
        run cp -a -- "$kept" "$file.thinspect-new"
        run mv -f -- "$file.thinspect-new" "$file"
    else
        run rm -f -- "$file"
    fi
}
