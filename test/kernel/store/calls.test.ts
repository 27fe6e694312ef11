import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Job, type Outcome, run, workerArguments } from './processes.ts'
import { inParallel, LONG, scratchDirectory, seeded, workingDrivers } from './support.ts'
import { check, prepare, tryOut } from './survival.ts'
import { jobOf, type Scenario, scenarios } from './verbs.ts'

/** System calls that change what is on disk or mounted; some are not there on every processor. */
const CHANGES = [
  ...['?rename', '?renameat', 'renameat2', '?mkdir', 'mkdirat', '?rmdir', '?unlink', 'unlinkat', '?chmod'],
  ...[
    'fchmodat',
    '?chown',
    'fchownat',
    'fsync',
    'copy_file_range',
    'mount',
    'umount2',
    'move_mount',
    'fsmount',
  ],
  ...['open_tree', 'mount_setattr', 'setxattr', 'lsetxattr', 'utimensat', 'write', 'pwrite64'],
].join(',')
const SEED = 2026
const SAMPLE = 2

/** The n-th call of a name by one thread: strace(1) counts so. */
type Point = readonly [call: string, nth: number]

/** Runs a job under strace. libuv gets one thread, so that its calls are counted together. */
function traced(job: Job, output: string, kill?: Point): Promise<Outcome> {
  const inject = kill === undefined ? [] : ['-e', `inject=${kill[0]}:signal=KILL:when=${String(kill[1])}`]
  const trace = kill === undefined ? CHANGES : kill[0]
  // Without --seccomp-bpf: with it, strace 6.1 stops counting after the first call.
  const options = ['-f', '-q', '-o', output, '-e', `trace=${trace}`, ...inject]
  const command = ['--', process.execPath, ...workerArguments(job)]
  return run('strace', [...options, ...command], { UV_THREADPOOL_SIZE: '1' })
}

/** Where a process can be killed: every call that an undisturbed run made. Writes to pipes and events are no changes. */
function pointsOf(trace: string): Point[] {
  const counts = new Map<string, number>()
  const points = new Map<string, Point>()
  for (const line of trace.split('\n')) {
    const match = /^(\d+) +(\w+)\(/.exec(line)
    if (match === null) continue
    const [, thread = '', call = ''] = match
    const nth = (counts.get(`${thread} ${call}`) ?? 0) + 1
    counts.set(`${thread} ${call}`, nth)
    if (!/ write\(\d+, "(\\1\\0|\\0)/.test(line)) points.set(`${call} ${String(nth)}`, [call, nth])
  }
  return [...points.values()]
}

describe('a process killed at its system calls (strace)', function () {
  this.timeout(LONG ? 900_000 : 60_000)
  const scratch = scratchDirectory()
  const random = seeded(SEED)
  let killed = 0
  let possible = 0

  before(async function () {
    const { code } = await run('strace', ['-q', '-o', '/dev/null', '-f', 'true']).catch(() => ({ code: 127 }))
    if (code === 0) return
    console.log(`      SKIPPED: strace is missing or may not trace here (${String(code)})`)
    this.skip()
  })
  after(() => {
    const what = LONG ? 'all' : `a sample with seed ${String(SEED)}; all with GRAPHDRIVER_LONG=1`
    console.log(`      killed at ${String(killed)} of ${String(possible)} calls (${what})`)
  })

  async function killAtCalls(scenario: Scenario): Promise<void> {
    const { states } = await tryOut(scenario, scratch.fresh)
    const directory = scratch.fresh()
    const output = `${directory}.strace`
    const { code, errors } = await traced(jobOf(scenario, await prepare(scenario, directory)), output)
    assert.equal(code, 0, errors)
    const points = pointsOf(readFileSync(output, 'utf8'))
    assert.ok(points.length > 10, `only ${String(points.length)} calls were seen`)
    possible += points.length
    const before = killed
    await inParallel(LONG ? points : sample(points), async (point) => {
      const root = await prepare(scenario, scratch.fresh())
      const outcome = await traced(jobOf(scenario, root), join(scratch.path, 'killed.strace'), point)
      // Threads may share their work in another way than in the run that was counted.
      if (outcome.signal === 'SIGKILL') killed++
      else assert.equal(outcome.code, 0, outcome.errors)
      await check(root, scenario, states, `killed at ${point.join(' ')}`)
    })
    assert.ok(killed > before, 'nothing was killed')
  }

  function sample(points: readonly Point[]): Point[] {
    return Array.from({ length: SAMPLE }, () => points[Math.floor(random() * points.length)]!)
  }

  for (const driver of ['overlay', 'vfs']) {
    describe(driver, () => {
      before(async function () {
        if (!(await workingDrivers()).includes(driver)) this.skip()
      })
      for (const scenario of scenarios(driver)) {
        if (LONG || (!scenario.long && /^(create \(child|get|put \(|remove$)/.test(scenario.verb)))
          it(scenario.verb, () => killAtCalls(scenario))
      }
    })
  }
})
