import { count, formatBytes } from '../../format.ts'
import { type Rectangle, squarify } from './squarify.ts'
import { document, escapeXml, fit, number, textAt } from './svg.ts'

/** A file of a layer. */
export interface Leaf {
  /** With a slash at its beginning. */
  readonly path: string
  readonly bytes: number
  readonly kind: 'added' | 'modified'
}

/** A directory or file, and all that is in it. */
interface Branch {
  readonly name: string
  readonly path: string
  bytes: number
  files: number
  kind: Leaf['kind'] | undefined
  readonly inside: Map<string, Branch>
}

const SIZE = { width: 960, height: 640, margin: 20, head: 52 } as const
const TITLE = 17
/** What is smaller on a side is not drawn. */
const LEAST = 2
/** More parts of one directory than this are drawn as one. */
const MOST_PARTS = 150

const FILL = { added: '#a9dab4', modified: '#f3d48a', more: '#d9dee6' } as const

/** A treemap of files: nested rectangles, each as large as its bytes. */
export function treemapSvg(id: string, leaves: readonly Leaf[], deleted: number): string {
  const { width, height, margin, head } = SIZE
  const top = branchOf(leaves)
  const area = { x: margin, y: margin + head, width: width - 2 * margin, height: height - 2 * margin - head }
  const facts = `${formatBytes(top.bytes)} in ${count(top.files, 'file')}; ${count(deleted, 'deletion')}`
  const empty =
    top.bytes === 0 ? [textAt(area.x, area.y + 24, 'The layer adds no bytes.', { color: '#566273' })] : []
  return document(width, height, `Changes of ${id}`, [
    textAt(margin, margin + 14, fit(id, width - 300, 15), { size: 15, bold: true }),
    textAt(margin, margin + 34, facts, { size: 12, color: '#566273' }),
    ...legend(width - margin),
    ...empty,
    ...draw(top, area, 0),
  ])
}

function legend(right: number): string[] {
  const keys = [
    ['added', FILL.added],
    ['modified', FILL.modified],
  ] as const
  return keys.map(([word, fill], at) => {
    const x = right - (keys.length - at) * 84
    return `<rect x="${number(x)}" y="${String(SIZE.margin)}" width="12" height="12" fill="${fill}" stroke="#5b6776"/>${textAt(x + 18, SIZE.margin + 10, word, { size: 11 })}`
  })
}

function emptyBranch(name: string, path: string): Branch {
  return { name, path, bytes: 0, files: 0, kind: undefined, inside: new Map() }
}

function branchOf(leaves: readonly Leaf[]): Branch {
  const top = emptyBranch('/', '')
  for (const { path, bytes, kind } of leaves) {
    let at = top
    at.bytes += bytes
    at.files++
    for (const name of path.split('/').filter((part) => part !== '')) {
      const next: Branch = at.inside.get(name) ?? emptyBranch(name, `${at.path}/${name}`)
      at.inside.set(name, next)
      next.bytes += bytes
      next.files++
      at = next
    }
    at.kind = kind
  }
  return top
}

/** The parts of a directory, largest first; what is beyond the most that are drawn is one part. */
function partsOf({ inside, path }: Branch): Branch[] {
  const all = [...inside.values()].filter(({ bytes }) => bytes > 0).sort((a, b) => b.bytes - a.bytes)
  const [shown, rest] = [all.slice(0, MOST_PARTS), all.slice(MOST_PARTS)]
  if (rest.length === 0) return shown
  const bytes = rest.reduce((sum, part) => sum + part.bytes, 0)
  const files = rest.reduce((sum, part) => sum + part.files, 0)
  const more = { ...emptyBranch(`${String(rest.length)} more`, `${path}/…`), bytes, files }
  return [...shown, more].sort((a, b) => b.bytes - a.bytes)
}

function draw(branch: Branch, area: Rectangle, depth: number): string[] {
  const parts = partsOf(branch)
  const places = squarify(
    parts.map(({ bytes }) => bytes),
    area,
  )
  return parts.flatMap((part, at) => {
    const place = places[at]
    if (place === undefined || place.width < LEAST || place.height < LEAST) return []
    return part.inside.size > 0 ? directory(unbranched(part), place, depth) : [file(part, place)]
  })
}

/** A directory that holds nothing but another one is drawn as one: usr/lib. */
function unbranched(part: Branch): Branch {
  const [only, another] = part.inside.values()
  if (only === undefined || another !== undefined || only.inside.size === 0) return part
  return unbranched({ ...only, name: `${part.name}/${only.name}` })
}

/** A name with its size where both have room, else the name. */
function nameAndSize(name: string, bytes: number, width: number, size: number): string {
  const both = `${name}  ${formatBytes(bytes)}`
  return fit(both, width, size) === both ? both : fit(name, width, size)
}

function directory(part: Branch, { x, y, width, height }: Rectangle, depth: number): string[] {
  const titled = height > 3 * TITLE && width > 48
  const inner = {
    x: x + 2,
    y: y + (titled ? TITLE : 2),
    width: Math.max(width - 4, 0),
    height: Math.max(height - (titled ? TITLE : 2) - 2, 0),
  }
  const shade = ['#e6ebf2', '#dbe2ec', '#d0d9e6'][Math.min(depth, 2)] ?? ''
  const frame = `<g><title>${titleOf(part)}</title><rect x="${number(x)}" y="${number(y)}" width="${number(width)}" height="${number(height)}" fill="${shade}" stroke="#5b6776" stroke-width="0.6"/></g>`
  const title = titled
    ? [
        textAt(x + 5, y + 12, nameAndSize(`${part.name}/`, part.bytes, width - 10, 11), {
          size: 11,
          bold: true,
        }),
      ]
    : []
  return [frame, ...title, ...draw(part, inner, depth + 1)]
}

function file(part: Branch, { x, y, width, height }: Rectangle): string {
  const fill = FILL[part.kind ?? 'more']
  const named = width > 34 && height > 15
  const label = formatBytes(part.bytes)
  const sized = named && height > 30 && fit(label, width - 8, 9) === label
  return [
    `<g><title>${titleOf(part)}</title>`,
    `<rect x="${number(x)}" y="${number(y)}" width="${number(width)}" height="${number(height)}" fill="${fill}" stroke="#ffffff" stroke-width="0.8"/>`,
    named ? textAt(x + 4, y + 12, fit(part.name, width - 8, 10), { size: 10 }) : '',
    sized ? textAt(x + 4, y + 24, label, { size: 9, color: '#445062' }) : '',
    '</g>',
  ].join('')
}

function titleOf({ path, bytes }: Branch): string {
  return escapeXml(`${path}: ${formatBytes(bytes)}`)
}
