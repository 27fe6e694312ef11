import assert from 'node:assert/strict'
import fc from 'fast-check'
import { forestOf, type PicturedLayer } from '#lib/cli/verbs/pictures/forest.js'
import { squarify } from '#lib/cli/verbs/pictures/squarify.js'
import { escapeXml, fit } from '#lib/cli/verbs/pictures/svg.js'
import { treeDot, treeMermaid } from '#lib/cli/verbs/pictures/tree-graph.js'
import { treeSvg } from '#lib/cli/verbs/pictures/tree-svg.js'
import { treeText } from '#lib/cli/verbs/pictures/tree-text.js'
import { treemapSvg } from '#lib/cli/verbs/pictures/treemap.js'

function layer(id: string, parent: string | undefined, children: string[], more: object = {}): PicturedLayer {
  const below = parent === undefined ? {} : { parent }
  return { id, ...below, children, mounted: false, held: false, inUse: false, ...more }
}

const store = [
  layer('app', 'base', ['x', 'y'], { size: 2048 }),
  layer('base', undefined, ['app'], { size: 4096 }),
  layer('lost', undefined, [], { fault: 'orphan' }),
  layer('x', 'app', ['x2'], { size: 0, mounted: true, inUse: true }),
  layer('x2', 'x', [], { size: 1 }),
  layer('y', 'app', [], { inUse: true, size: 10 }),
]
const plain = { columns: Infinity, color: false }

describe('pictures of layers', () => {
  it('as text: chains go down, branches are indented, what is shared and mounted is said', () => {
    assert.deepEqual(treeText(forestOf(store), plain).split('\n'), [
      'base     4.0 KiB',
      '╰ app    2.0 KiB   shared by 2',
      '├─ x         0 B ● mounted',
      '│  ╰ x2      1 B',
      '╰─ y        10 B   in use',
      'lost               orphan',
      '',
      '6 layers, 6.0 KiB, 1 mounted',
    ])
    assert.equal(treeText([], plain), 'no layers')
  })

  it('as a graph: every layer once, every edge once', () => {
    const dot = treeDot(forestOf(store))
    assert.equal(dot.match(/label=/g)?.length, 6)
    assert.deepEqual(dot.match(/n\d -> n\d/g), ['n0 -> n1', 'n1 -> n2', 'n1 -> n4', 'n2 -> n3'])
    assert.match(treeMermaid(forestOf(store)), /n2\["x<br>0 B, mounted"\]:::mounted/)
  })

  it('as SVG: boxes do not overlap, names are escaped', () => {
    const svg = treeSvg(forestOf(store), '/a<b>&"c"')
    const boxes = [...svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="190" height="50"/g)]
    const places = boxes.map(([, x, y]) => [Number(x), Number(y)] as const)
    assert.equal(places.length, 6)
    for (const [at, [x, y]] of places.entries()) {
      for (const [otherX, otherY] of places.slice(at + 1)) {
        assert.ok(Math.abs(x - otherX) >= 190 || Math.abs(y - otherY) >= 50)
      }
    }
    assert.match(svg, /\/a&#60;b&#62;&#38;&#34;c&#34;/)
  })

  it('a circle in broken metadata, and a parent that is missing, are drawn, too', () => {
    const broken = [layer('a', 'b', ['b']), layer('b', 'a', ['a']), layer('c', 'nosuch', [])]
    const text = treeText(forestOf(broken), plain)
    for (const id of ['a', 'b', 'c']) assert.match(text, new RegExp(`\\b${id}\\b`))
    assert.match(text, /^3 layers/m)
  })

  it('squarify: the parts are in the area, as large as their values, and do not overlap', () => {
    const values = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(
        values,
        fc.integer({ min: 10, max: 1000 }),
        fc.integer({ min: 10, max: 1000 }),
        (some, width, height) => {
          const sorted = some.toSorted((a, b) => b - a)
          const total = sorted.reduce((sum, value) => sum + value, 0)
          const parts = squarify(sorted, { x: 5, y: 7, width, height })
          assert.equal(parts.length, sorted.length)
          for (const [at, part] of parts.entries()) {
            const share = (part.width * part.height) / (width * height)
            assert.ok(Math.abs(share - sorted[at]! / total) < 1e-6)
            assert.ok(part.x >= 5 - 1e-6 && part.x + part.width <= 5 + width + 1e-6)
            assert.ok(part.y >= 7 - 1e-6 && part.y + part.height <= 7 + height + 1e-6)
            for (const other of parts.slice(at + 1)) {
              const wide = Math.min(part.x + part.width, other.x + other.width) - Math.max(part.x, other.x)
              const high = Math.min(part.y + part.height, other.y + other.height) - Math.max(part.y, other.y)
              assert.ok(wide < 1e-6 || high < 1e-6)
            }
          }
        },
      ),
    )
    assert.deepEqual(squarify([], { x: 0, y: 0, width: 1, height: 1 }), [])
  })

  it('treemap: nothing, one file, thousands of files, strange names', () => {
    assert.match(treemapSvg('a', [], 2), /0 B in 0 files; 2 deletions.*The layer adds no bytes/s)
    assert.match(
      treemapSvg('a', [{ path: '/x/y', bytes: 5, kind: 'added' }], 0),
      /5 B in 1 file; 0 deletions/,
    )
    const many = Array.from({ length: 5000 }, (_, at) => ({
      path: `/d/f${String(at)}`,
      bytes: 5000 - at,
      kind: 'added' as const,
    }))
    const svg = treemapSvg('a', many, 0)
    assert.match(svg, /4850 more/)
    assert.ok(svg.length < 100_000)
    assert.match(treemapSvg('a', [{ path: '/<&>', bytes: 9, kind: 'modified' }], 0), /&#60;&#38;&#62;/)
    assert.equal(escapeXml('a\u0001\ud800b'), 'a\ufffd\ufffdb')
    assert.equal(fit('abcdefghij', 40, 10), 'abcde…')
    assert.equal(fit('漢字漢字', 40, 10), '漢字…')
  })
})
