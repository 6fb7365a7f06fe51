#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the checked-in headers of engine/vmx from the tables beside this file.

    gen.py DIRECTORY    writes fields.h, fields.c, reasons.h, reasons.c there
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
HEAD = '/* SPDX-License-Identifier: MIT */\n/* Made by tables/gen.py from tables/%s: edit that. */\n'
WIDTHS = ['16', '64', '32', 'nat']          # encoding bits 14:13
AREAS = ['control', 'exit', 'guest', 'host']  # encoding bits 11:10


def rows(name, columns):
    with open(os.path.join(HERE, name), encoding='ascii') as table:
        for number, line in enumerate(table, 1):
            line = line.rstrip('\n')
            if not line or line.startswith('#'):
                continue
            row = line.split('\t')
            if len(row) != columns:
                sys.exit(f'{name}:{number}: {len(row)} columns, not {columns}')
            yield number, row


def fields():
    seen = {}
    for number, (enc, width, access, area, name, title) in rows('vmcs.tsv', 6):
        value = int(enc, 16)
        wrong = []
        if WIDTHS[value >> 13 & 3] != width:
            wrong.append('width')
        if AREAS[value >> 10 & 3] != area:
            wrong.append('area')
        if (access == 'ro') != (area == 'exit'):
            wrong.append('access')
        if value & ~0x6ffe or value in seen or name in seen.values():
            wrong.append('encoding or name')
        if wrong:
            sys.exit(f'vmcs.tsv:{number}: {name}: {", ".join(wrong)} disagrees')
        seen[value] = name
        yield value, width, access, area, name, title


def fields_h(table):
    out = HEAD % 'vmcs.tsv'
    out += '#ifndef VELLUM_ENGINE_VMX_FIELDS_H\n#define VELLUM_ENGINE_VMX_FIELDS_H\n\n'
    out += '#include "fieldtypes.h"\n\n'
    for enc, width, access, _, name, _ in table:
        kind = f'vmcs_{width}{"_ro" if access == "ro" else ""}'
        out += f'#define VMCS_{name:<24} ((struct {kind}){{ 0x{enc:04x} }})\n'
    out += f'\n#define VMCS_FIELD_COUNT\t{len(table)}\n\n#endif\n'
    return out


def fields_c(table):
    out = HEAD % 'vmcs.tsv'
    out += '#include "fieldtypes.h"\n\n'
    out += 'const struct vmcs_field vmcs_fields[] = {\n'
    for enc, width, access, area, name, title in table:
        bits = {'nat': 'VMCS_WIDTH_NATURAL'}.get(width, f'VMCS_WIDTH_{width}')
        writable = 'true' if access == 'rw' else 'false'
        out += (f'\t{{ 0x{enc:04x}, {bits}, VMCS_AREA_{area.upper()}, {writable},\n'
                f'\t  "{name}", "{title}" }},\n')
    out += '};\n\nconst unsigned vmcs_field_count = sizeof(vmcs_fields) / sizeof(vmcs_fields[0]);\n'
    return out


def reasons():
    seen = set()
    for number, (num, name, title, qual) in rows('exit_reasons.tsv', 4):
        if int(num) in seen or qual not in ('qual', '-'):
            sys.exit(f'exit_reasons.tsv:{number}: {name} is wrong or double')
        seen.add(int(num))
        yield int(num), name, title, qual == 'qual'


def reasons_h(table):
    out = HEAD % 'exit_reasons.tsv'
    out += '#ifndef VELLUM_ENGINE_VMX_REASONS_H\n#define VELLUM_ENGINE_VMX_REASONS_H\n\n'
    out += '#include "../types.h"\n\nenum {\n'
    for num, name, _, _ in table:
        out += f'\tREASON_{name} = {num},\n'
    out += f'}};\n\n#define REASON_COUNT\t{table[-1][0] + 1}\n\n'
    out += '/* Reasons whose exit qualification is defined: bit n of word n / 64. */\n'
    for word in range(2):
        mask = sum(1 << num % 64 for num, _, _, qual in table if qual and num // 64 == word)
        out += f'#define REASON_QUAL_MASK{word}\t0x{mask:016x}ull\n'
    out += '\nextern const char *const reason_names[REASON_COUNT];\n\n#endif\n'
    return out


def reasons_c(table):
    out = HEAD % 'exit_reasons.tsv'
    out += '#include "reasons.h"\n\nconst char *const reason_names[REASON_COUNT] = {\n'
    for _, name, title, _ in table:
        out += f'\t[REASON_{name}] = "{title}",\n'
    return out + '};\n'


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    vmcs, exits = list(fields()), list(reasons())
    for name, text in (('fields.h', fields_h(vmcs)), ('fields.c', fields_c(vmcs)),
                       ('reasons.h', reasons_h(exits)), ('reasons.c', reasons_c(exits))):
        with open(os.path.join(sys.argv[1], name), 'w', encoding='ascii') as out:
            out.write(text)


main()
