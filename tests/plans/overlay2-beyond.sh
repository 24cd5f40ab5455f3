#!/usr/bin/env bash
# thinspect plan overlay2 for pool docker-8:1-131188-pool.
# Written by thinspect 0.1.0 from a recording of the machine, 2026-08-22T10:00:00Z.
# It asks before every step that changes something; --yes answers that, --yes-destroy what deletes.
# It can be run again: what is done is skipped.
# It stops where the facts are not those it was made from.
printf '%s\n' 'thinspect: stopped: Docker 26.1.3 has no devicemapper driver: only Docker 24 or older can read what is in the pool; unpack one, without installing it, and name it with --old-engine' >&2
exit 1
