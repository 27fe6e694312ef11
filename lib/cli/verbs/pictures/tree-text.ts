import { count, formatBytes } from '../../format.ts'
import { paint, type Terminal } from '../../terminal.ts'
import { widthOf } from '../../width.ts'
import { type Node, type PicturedLayer, wordsOf } from './forest.ts'

/** Chains go down, not to the right: only a layer with several children is indented below. */
interface Line {
  readonly rail: string
  readonly layer: PicturedLayer
}

/** Layers as a tree of text: sizes in a column, mounted ones marked. */
export function treeText(trees: readonly Node[], terminal: Terminal): string {
  const lines = trees.flatMap((tree) => linesOf(tree, '', ''))
  if (lines.length === 0) return 'no layers'
  const width = Math.max(...lines.map(({ rail, layer }) => widthOf(rail) + widthOf(layer.id)))
  const sizes = lines.map(({ layer }) => (layer.size === undefined ? '' : formatBytes(layer.size)))
  const room = Math.max(...sizes.map(widthOf))
  const rows = lines.map(({ rail, layer }, at) => {
    const gap = ' '.repeat(width - widthOf(rail) - widthOf(layer.id))
    const size = (sizes[at] ?? '').padStart(room)
    const mark = layer.mounted ? paint(terminal, 'green', '●') : ' '
    const text = `${paint(terminal, 'dim', rail)}${paint(terminal, 'bold', layer.id)}${gap}  ${size} ${mark} ${state(layer, terminal)}`
    return text.trimEnd()
  })
  return [...rows, '', summary(lines.map(({ layer }) => layer))].join('\n')
}

/** A deep chain would run out of any terminal, so an only child stays in its parent's column. */
function linesOf(start: Node, rail: string, below: string): Line[] {
  const lines: Line[] = [{ rail, layer: start.layer }]
  let node = start
  for (
    let [only, another] = node.children;
    only !== undefined && another === undefined;
    [only, another] = node.children
  ) {
    lines.push({ rail: `${below}╰ `, layer: only.layer })
    node = only
  }
  node.children.forEach((child, at) => {
    const last = at === node.children.length - 1
    lines.push(...linesOf(child, `${below}${last ? '╰─' : '├─'} `, `${below}${last ? '   ' : '│  '}`))
  })
  return lines
}

function state(layer: PicturedLayer, terminal: Terminal): string {
  const text = wordsOf(layer).join(', ')
  if (layer.fault !== undefined) return paint(terminal, 'red', text)
  return layer.mounted ? paint(terminal, 'green', text) : text
}

function summary(layers: readonly PicturedLayer[]): string {
  const total = layers.reduce((sum, { size = 0 }) => sum + size, 0)
  const known = layers.some(({ size }) => size !== undefined) ? `, ${formatBytes(total)}` : ''
  return `${count(layers.length, 'layer')}${known}, ${String(layers.filter(({ mounted }) => mounted).length)} mounted`
}
