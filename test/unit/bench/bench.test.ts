import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const bench = resolve(import.meta.dirname, '../../../scripts/bench')

interface Statistics {
  median: (numbers: readonly number[]) => number
  interval: (numbers: readonly number[]) => [low: number, high: number] | undefined
  judge: (range: readonly [number, number], bound: number) => string
}

interface Row {
  name: string
  bound?: number
  limit?: number
  prepare: () => object
  ours?: () => number | undefined
  peer?: () => number
  measure?: () => number
  reset?: () => void
  end?: () => void
}

interface Result {
  verdict: string
  pairs?: number
  ratio?: number
  low?: number
  high?: number
  value?: number
  reason?: string
}

type Measure = (row: Row, bench: object, options: object) => Promise<Result>
type Trees = Record<string, (directory: string, options: { seed: number; factor: number }) => void>

const { median, interval, judge } = (await import(join(bench, 'statistics.mjs'))) as Statistics
const { measure } = (await import(join(bench, 'runner.mjs'))) as { measure: Measure }
const { Unavailable } = (await import(join(bench, 'bench.mjs'))) as {
  Unavailable: new (text: string) => Error
}
const { seeded } = (await import(join(bench, 'random.mjs'))) as { seeded: (seed: number) => () => number }
const { trees } = (await import(join(bench, 'trees.mjs'))) as { trees: Trees }

const upTo = (n: number): number[] => Array.from({ length: n }, (_, at) => at + 1)

describe('the statistics of the benches', () => {
  it('take the middle', () => {
    assert.equal(median([3, 1, 2]), 2)
    assert.equal(median([4, 1, 2, 3]), 2.5)
  })

  it('know between which two numbers the median is, as the tables of the sign test do', () => {
    assert.equal(interval(upTo(5)), undefined)
    const known: [n: number, low: number, high: number][] = [
      [6, 1, 6],
      [8, 1, 8],
      [9, 2, 8],
      [11, 2, 10],
      [20, 6, 15],
      [88, 35, 54],
    ]
    for (const [n, low, high] of known) assert.deepEqual(interval(upTo(n).reverse()), [low, high])
  })

  it('are wrong in at most one case of twenty', () => {
    const random = seeded(1)
    const rounds = 4000
    let outside = 0
    for (let round = 0; round < rounds; round++) {
      // Skewed, as times are; its median is 1/8.
      const [low, high] = interval(Array.from({ length: 11 }, () => random() ** 3))!
      if (low > 0.125 || high < 0.125) outside++
    }
    assert.ok(outside / rounds < 0.05, String(outside))
    assert.ok(outside > 0)
  })

  it('judge by the whole interval', () => {
    assert.equal(judge([0.5, 0.9], 0.9), 'holds')
    assert.equal(judge([0.91, 1], 0.9), 'missed')
    assert.equal(judge([0.89, 0.91], 0.9), 'undecided')
  })
})

describe('the runner of the benches', () => {
  const options = { pairs: 11, most: 88, seconds: 1000 }
  const always = (value: number) => () => value
  const row = (rest: Partial<Row>): Row => ({ name: 'row', prepare: () => ({}), ...rest })

  it('tells a bound that holds from one that is missed', async () => {
    const fast = row({ ours: always(50), peer: always(100), bound: 0.5 })
    const { verdict, pairs, ratio } = await measure(fast, {}, options)
    assert.deepEqual([verdict, pairs, ratio], ['holds', 11, 0.5])
    assert.equal((await measure({ ...fast, bound: 0.49 }, {}, options)).verdict, 'missed')
  })

  it('doubles the pairs while the answer is open, and then says so', async () => {
    let turn = 0
    const ours = (): number => (turn++ % 2 === 0 ? 80 : 100)
    const { verdict, pairs, low, high } = await measure(
      row({ ours, peer: always(100), bound: 0.9 }),
      {},
      options,
    )
    assert.deepEqual([verdict, pairs, low, high], ['undecided', 88, 0.8, 1])
  })

  it('begins with ours and with the peer in turn, after one run of each that does not count', async () => {
    const order: string[] = []
    const note = (what: string, value: number) => (): number => (order.push(what), value)
    const one = row({
      ours: note('o', 1),
      peer: note('p', 2),
      reset: note('-', 0),
      end: note('end', 0),
      bound: 1,
    })
    await measure(one, {}, { ...options, pairs: 6 })
    assert.equal(order.join(''), `-o-p${'-o-p-p-o'.repeat(3)}end`)
  })

  it('times what takes no time of its own', async () => {
    const wait = (): undefined => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
    }
    const result = await measure(row({ ours: wait, peer: always(1), bound: 1e6 }), {}, options)
    assert.ok(result.ratio! >= 1e6, String(result.ratio))
  })

  it('takes the worst of what is judged by itself', async () => {
    const values = [1, 5, 3]
    const limited = row({ measure: () => values.shift()!, limit: 5 })
    const { verdict, value } = await measure(limited, {}, options)
    assert.deepEqual([verdict, value], ['holds', 5])
    assert.equal((await measure(row({ measure: always(6), limit: 5 }), {}, options)).verdict, 'missed')
  })

  it('tells a row that cannot be measured here from one that fails', async () => {
    const refuse = (error: Error) => (): never => {
      throw error
    }
    const absent = await measure(row({ prepare: refuse(new Unavailable('no tar')), bound: 1 }), {}, options)
    assert.deepEqual([absent.verdict, absent.reason], ['skipped', 'no tar'])
    const broken = await measure(row({ ours: refuse(new Error('no luck')), bound: 1 }), {}, options)
    assert.equal(broken.verdict, 'failed')
    assert.match(broken.reason!, /no luck/)
  })
})

describe('the trees of the benches', () => {
  let directory = ''
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bench-'))
  })
  afterEach(() => {
    rmSync(directory, { recursive: true })
  })

  /** Names, kinds, contents and times of files, in one number. */
  function fingerprint(tree: string, seed: number): string {
    const root = mkdtempSync(join(directory, 'tree-'))
    trees[tree]!(root, { seed, factor: 0.002 })
    const hash = createHash('sha256')
    for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()) {
      const { mode, mtimeMs, nlink } = lstatSync(join(root, name))
      const kind = mode & 0o170000
      hash.update(`${name}\0${mode}\0`)
      if (kind === 0o100000) hash.update(`${nlink} ${mtimeMs}\0`).update(readFileSync(join(root, name)))
      if (kind === 0o120000) hash.update(readlinkSync(join(root, name)))
    }
    return hash.digest('hex')
  }

  for (const tree of Object.keys(trees)) {
    it(`${tree}: one seed gives one tree, another gives another`, () => {
      assert.equal(fingerprint(tree, 1), fingerprint(tree, 1))
      assert.notEqual(fingerprint(tree, 1), fingerprint(tree, 2))
    })
  }
})

describe('npm run bench', () => {
  function run(...args: string[]): { status: number | null; text: string } {
    const done = spawnSync(process.execPath, [join(bench, 'main.mjs'), ...args], { encoding: 'utf8' })
    return { status: done.status, text: done.stdout + done.stderr }
  }

  it('names its rows, all or some', () => {
    const all = run('--list')
    assert.equal(all.status, 0)
    assert.match(all.text, /^diff-small .+\n(.+\n)*mount-pair\/1 /m)
    assert.doesNotMatch(run('--list', 'diff').text, /^mount-pair/m)
    assert.equal(run('--list', 'mount-pair').text.trim().split('\n').length, 4)
    assert.equal(run('--list', 'mount-pair/1').text.trim().split('\n').length, 1)
  })

  it('refuses what it does not know', () => {
    for (const args of [['no-such-row'], ['--factor', 'much'], ['--no-such-option']]) {
      const { status, text } = run(...args)
      assert.equal(status, 1)
      assert.match(text, /npm run bench -- \[options\]/)
    }
  })
})
