# A symbolic link to the settings file is preserved.
settings_file() { readlink -f -- "$settings"; }
