#!/usr/bin/env bash
# thinspect plan grow for pool (not named).
# Written by thinspect 0.1.0 from pasted text.
# It asks before every step that changes something; --yes answers that, --yes-destroy what deletes.
# It can be run again: what is done is skipped.
# It stops where the facts are not those it was made from.
printf '%s\n' 'thinspect: stopped: the pool'\''s name, or what carries it, is not known here: make the plan on the host itself, as root' >&2
exit 1
