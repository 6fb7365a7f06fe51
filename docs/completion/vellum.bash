# SPDX-License-Identifier: MIT
# Completion of vellum(1) for bash: commands, their options (each tells its own), the
# names of VMs.

_vellum_names() {
	vellum list 2>/dev/null | tail -n +2 | cut -d ' ' -f 1
}

_vellum_options() {
	vellum "$1" --help 2>/dev/null | grep -oE '^  --[a-z0-9-]+' | tr -d ' '
}

_vellum() {
	local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}

	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(vellum --help |
			sed -n 's/^  \([a-z]*\) .*/\1/p') --help --version" -- "$word")
		return
	fi
	if [ "${COMP_WORDS[COMP_CWORD - 1]}" = --gdb ]; then
		mapfile -t COMPREPLY < <(compgen -W "tcp: unix:" -- "$word")
		compopt -o nospace
		return
	fi
	case $word in
	-*)
		mapfile -t COMPREPLY < <(compgen -W "$(_vellum_options "$command")" -- "$word")
		return
		;;
	esac
	case $command in
	load | run | destroy | pause | resume | reset | nmi | inject | regs | vmcs | stats | trace | set)
		if [ "$COMP_CWORD" = 2 ]; then
			mapfile -t COMPREPLY < <(compgen -W "$(_vellum_names)" -- "$word")
			return
		fi
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -f -- "$word")
}

complete -o filenames -F _vellum vellum
