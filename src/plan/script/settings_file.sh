# A link to the settings file stays a link.
settings_file() { readlink -f -- "$settings"; }
