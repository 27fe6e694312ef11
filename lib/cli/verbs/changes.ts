import type { Change } from '../../index.ts'
import { treemapOf } from './pictures/treemap-of.ts'
import { printable } from '../format.ts'
import { paint, type Terminal } from '../terminal.ts'
import type { Verb } from '../verb.ts'
import { LAYER, PARENT } from '../words.ts'

export const changes: Verb = {
  name: 'changes',
  summary: 'list what a layer adds (A), modifies (C) and deletes (D)',
  details: [
    'In the order of its tar. With --svg a picture: what the layer adds, each file as large as its bytes.',
  ],
  arguments: [LAYER],
  options: [PARENT, { flags: '--svg', summary: 'print a treemap as SVG' }],
  shape:
    '{ id, changes: { path, kind: "added" | "modified" | "deleted", pathBytes? }[] }; pathBytes is base64',
  looksOnly: true,
  async run(input, context) {
    const id = input.word('id')
    await using driver = await context.look()
    const found = await driver.changes(id, { signal: context.signal, ...input.given({ parent: 'parent' }) })
    const data = { id, changes: found }
    if (!input.on('svg'))
      return { data, text: (terminal) => found.map((one) => line(one, terminal)).join('\n') }
    const svg = await treemapOf(driver, id, found, context.signal)
    return { data: { ...data, svg }, text: () => svg }
  },
}

const LETTERS = { added: 'A', modified: 'C', deleted: 'D' } as const
const COLORS = { added: 'green', modified: 'yellow', deleted: 'red' } as const

function line({ kind, path, pathBytes }: Change, terminal: Terminal): string {
  return paint(terminal, COLORS[kind], `${LETTERS[kind]} ${printable(path, pathBytes)}`)
}
