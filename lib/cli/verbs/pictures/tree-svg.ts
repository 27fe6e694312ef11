import { count, formatBytes } from '../../format.ts'
import { type Node, type PicturedLayer, wordsOf } from './forest.ts'
import { document, escapeXml, fit, number, textAt } from './svg.ts'

const BOX = { width: 190, height: 50 } as const
const GAP = { x: 46, y: 16 } as const
const MARGIN = 24
const HEAD = 56
const COLORS = {
  plain: { fill: '#eef1f6', line: '#8a97a8' },
  mounted: { fill: '#d3f0d9', line: '#2f7d43' },
  used: { fill: '#fdf3d0', line: '#a8862b' },
  fault: { fill: '#f9d6d6', line: '#a83232' },
} as const

interface Placed {
  readonly layer: PicturedLayer
  readonly x: number
  readonly y: number
  readonly children: readonly Placed[]
}

/** Layers as a picture: base layers on the left, what is built on them to the right; a bar in each box is its share of the largest. */
export function treeSvg(trees: readonly Node[], root: string): string {
  let rows = 0
  let depth = 0
  const place = (node: Node, level: number): Placed => {
    depth = Math.max(depth, level + 1)
    const children = node.children.map((child) => place(child, level + 1))
    const [first, last] = [children[0], children.at(-1)]
    const y =
      first === undefined || last === undefined
        ? MARGIN + HEAD + rows++ * (BOX.height + GAP.y)
        : (first.y + last.y) / 2
    return { layer: node.layer, x: MARGIN + level * (BOX.width + GAP.x), y, children }
  }
  const placed = flat(trees.map((tree) => place(tree, 0)))
  const largest = Math.max(1, ...placed.map(({ layer }) => layer.size ?? 0))
  const width = Math.max(2 * MARGIN + depth * BOX.width + (depth - 1) * GAP.x, 620)
  const height = 2 * MARGIN + HEAD + rows * (BOX.height + GAP.y)
  const edges = placed.flatMap((parent) => parent.children.map((child) => edge(parent, child)))
  return document(width, height, `Layers of ${root}`, [
    ...heading(
      root,
      placed.map(({ layer }) => layer),
      width,
    ),
    ...edges,
    ...placed.map((one) => box(one, largest)),
  ])
}

function flat(placed: readonly Placed[]): Placed[] {
  return placed.flatMap((one) => [one, ...flat(one.children)])
}

function heading(root: string, layers: readonly PicturedLayer[], width: number): string[] {
  const total = layers.reduce((sum, { size = 0 }) => sum + size, 0)
  const mounted = layers.filter((layer) => layer.mounted).length
  const facts = `${count(layers.length, 'layer')}, ${formatBytes(total)} in all, ${String(mounted)} mounted`
  const keys = [
    ['mounted', COLORS.mounted],
    ['in use', COLORS.used],
    ['fault', COLORS.fault],
  ] as const
  const legend = keys.map(([word, { fill, line }], at) => {
    const x = width - MARGIN - (keys.length - at) * 84
    return `<rect x="${number(x)}" y="${String(MARGIN)}" width="12" height="12" rx="3" fill="${fill}" stroke="${line}"/>${textAt(x + 18, MARGIN + 10, word, { size: 11 })}`
  })
  return [
    textAt(MARGIN, MARGIN + 12, fit(root, width - 320, 15), { size: 15, bold: true }),
    textAt(MARGIN, MARGIN + 32, facts, { size: 12, color: '#566273' }),
    ...legend,
  ]
}

function colorsOf({ fault, mounted, inUse }: PicturedLayer): {
  readonly fill: string
  readonly line: string
} {
  if (fault !== undefined) return COLORS.fault
  if (mounted) return COLORS.mounted
  return inUse ? COLORS.used : COLORS.plain
}

function box({ layer, x, y }: Placed, largest: number): string {
  const { fill, line } = colorsOf(layer)
  const shared = layer.children.length > 1
  const facts = [...(layer.size === undefined ? [] : [formatBytes(layer.size)]), ...wordsOf(layer)].join(
    ' · ',
  )
  const bar = ((layer.size ?? 0) / largest) * (BOX.width - 20)
  return [
    `<g><title>${escapeXml(`${layer.id}: ${facts}`)}</title>`,
    `<rect x="${number(x)}" y="${number(y)}" width="${String(BOX.width)}" height="${String(BOX.height)}" rx="7" fill="${fill}" stroke="${line}" stroke-width="${shared ? '2.5' : '1'}"/>`,
    textAt(x + 10, y + 19, fit(layer.id, BOX.width - 20, 13), { size: 13, bold: true }),
    textAt(x + 10, y + 35, fit(facts, BOX.width - 20, 11), { size: 11, color: '#445062' }),
    bar > 0
      ? `<rect x="${number(x + 10)}" y="${number(y + BOX.height - 8)}" width="${number(Math.max(bar, 1))}" height="3" rx="1.5" fill="${line}"/>`
      : '',
    '</g>',
  ].join('')
}

function edge(parent: Placed, child: Placed): string {
  const [x1, y1] = [parent.x + BOX.width, parent.y + BOX.height / 2]
  const [x2, y2] = [child.x, child.y + BOX.height / 2]
  const middle = (x1 + x2) / 2
  const path = `M${number(x1)} ${number(y1)} C${number(middle)} ${number(y1)} ${number(middle)} ${number(y2)} ${number(x2)} ${number(y2)}`
  return `<path d="${path}" fill="none" stroke="#9aa6b5" stroke-width="1.5"/>`
}
