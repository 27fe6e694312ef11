import type { LayerInfo } from '../../index.ts'
import { table } from '../table.ts'
import { paint, type Terminal } from '../terminal.ts'
import type { Verb } from '../verb.ts'

export const ls: Verb = {
  name: 'ls',
  summary: 'list the layers',
  details: [
    'A state is mounted (something is mounted at mnt/ID here), in use (somebody holds the layer), corrupt (metadata that cannot be read, or contents that are missing) or orphan (contents without metadata: no layer at all).',
  ],
  options: [{ flags: '-q, --quiet', summary: 'print ids only, without orphans' }],
  shape:
    '{ layers: { id, parent?, children: string[], mounted, held, inUse, fault?: "corrupt" | "orphan" }[] }',
  looksOnly: true,
  async run(input, context) {
    await using driver = await context.look()
    const layers = await driver.list()
    const ids = layers.filter((layer) => layer.fault !== 'orphan').map(({ id }) => id)
    const quiet = input.on('quiet')
    return {
      data: { layers },
      text: (terminal) => (quiet ? ids.join('\n') : layerTable(layers, terminal)),
    }
  },
}

function layerTable(layers: readonly LayerInfo[], terminal: Terminal): string {
  const head = ['LAYER', 'PARENT', 'CHILDREN', 'STATE'].map((word) => paint(terminal, 'bold', word))
  const rows = layers.map((layer) => [
    layer.id,
    layer.parent ?? '-',
    String(layer.children.length),
    stateOf(layer, terminal),
  ])
  return table([head, ...rows], terminal)
}

function stateOf({ fault, mounted, inUse }: LayerInfo, terminal: Terminal): string {
  const words = []
  if (fault !== undefined) words.push(paint(terminal, 'red', fault))
  if (mounted) words.push(paint(terminal, 'green', 'mounted'))
  else if (inUse) words.push(paint(terminal, 'yellow', 'in use'))
  return words.join(', ')
}
