import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'

const bench = resolve(import.meta.dirname, '../../../scripts/bench')

interface Series {
  label: string
  expect?: 'flat' | 'line'
  points: [at: number, nanoseconds: number][]
}

interface Curves {
  judgeGrowth: (series: Omit<Series, 'label'>) => { growth?: number; verdict?: string }
  measureCurve: (
    curve: object,
    bench: object,
    most: number,
  ) => Promise<{ series: Series[]; skipped?: string }>
}

const { judgeGrowth, measureCurve } = (await import(join(bench, 'curves.mjs'))) as Curves
const { curvePicture } = (await import(join(bench, 'picture.mjs'))) as {
  curvePicture: (curve: { title: string; axis: string; series: Series[] }) => string
}
const { Unavailable } = (await import(join(bench, 'bench.mjs'))) as {
  Unavailable: new (text: string) => Error
}

const axis = [1, 10, 100, 1000, 10_000]
const points = (cost: (at: number) => number): Series['points'] => axis.map((at) => [at, cost(at)])

describe('the growth of costs', () => {
  it('tells what is flat from what grows', () => {
    assert.equal(judgeGrowth({ expect: 'flat', points: points(() => 7) }).verdict, 'flat')
    assert.equal(judgeGrowth({ expect: 'flat', points: points((at) => 100 + at / 1000) }).verdict, 'flat')
    assert.equal(judgeGrowth({ expect: 'flat', points: points((at) => 100 + at / 100) }).verdict, 'grows')
  })

  it('tells a line, whatever it costs to begin, from what is steeper', () => {
    assert.equal(judgeGrowth({ expect: 'line', points: points((at) => 1000 + 3 * at) }).verdict, 'line')
    assert.equal(judgeGrowth({ expect: 'line', points: points((at) => Math.sqrt(at)) }).verdict, 'line')
    const steep = [(at: number) => at * at, (at: number) => (at > 5000 ? 3 * at : at)]
    for (const cost of steep)
      assert.equal(judgeGrowth({ expect: 'line', points: points(cost) }).verdict, 'steeper than a line')
  })

  it('judges nothing of what is there to compare with, or of two points', () => {
    assert.deepEqual(judgeGrowth({ points: points((at) => at * at) }), {})
    assert.deepEqual(judgeGrowth({ expect: 'flat', points: points((at) => at).slice(0, 2) }), {})
  })

  it('measures each point as often as said, the first round not counted, and none beyond the most', async () => {
    const log: string[] = []
    let turn = 0
    const curve = {
      name: 'curve',
      title: '',
      axis: '',
      points: [1, 2, 3],
      prepare: (_: object, point: number) => (log.push(`prepare ${String(point)}`), { point }),
      series: [{ label: 'one', run: ({ point }: { point: number }) => (turn++ % 6 === 0 ? 1e9 : point) }],
      end: ({ point }: { point: number }) => log.push(`end ${String(point)}`),
    }
    const { series } = await measureCurve(curve, {}, 2)
    assert.deepEqual(series, [
      {
        label: 'one',
        expect: undefined,
        points: [
          [1, 1],
          [2, 2],
        ],
      },
    ])
    assert.deepEqual(log, ['prepare 1', 'end 1', 'prepare 2', 'end 2'])
    const refuse = (): never => {
      throw new Unavailable('no tmpfs')
    }
    assert.equal((await measureCurve({ ...curve, prepare: refuse }, {}, 2)).skipped, 'no tmpfs')
  })

  it('is drawn', () => {
    const picture = curvePicture({
      title: 'what it costs',
      axis: 'layers',
      series: [
        {
          label: 'get',
          expect: 'flat',
          points: [
            [10, 1e6],
            [100, 1.1e6],
          ],
        },
      ],
    })
    assert.match(picture, /^<svg .*<\/svg>\n$/s)
    for (const words of ['what it costs', 'layers', '>get<', '1 ms'])
      assert.ok(picture.includes(words), words)
  })

  it('has curves that can be named, and refuses what is none', () => {
    const growth = (...words: string[]): { status: number | null; stdout: string; stderr: string } =>
      spawnSync(process.execPath, [join(bench, 'growth.mjs'), ...words], { encoding: 'utf8' })
    assert.deepEqual(growth('--list').stdout.match(/^\w+/gm), [
      'chain',
      'concurrent',
      'files',
      'mounts',
      'store',
    ])
    const refused = growth('nothing')
    assert.deepEqual([refused.status, refused.stderr.split('\n')[0]], [1, 'there is no curve nothing'])
  })
})
