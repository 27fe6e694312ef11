import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LONG, SLOWNESS } from '../../figures.ts'
import { describeUnless } from '../../skip.ts'
import { describeOn } from '../working-drivers.ts'
import { type Job, type Outcome, run, workerArguments } from './processes.ts'
import { inParallel, scratchDirectory, seeded } from './support.ts'
import { check, prepare, type States, tryOut } from './survival.ts'
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

/** What befalls a call: the process dies before it is made, or it fails. */
type Fault = 'signal=KILL' | 'error=EIO'

/** Runs a job under strace. libuv gets one thread, so that its calls are counted together. */
function traced(job: Job, output: string, trace: string, inject: readonly string[]): Promise<Outcome> {
  // Without --seccomp-bpf: with it, strace 6.1 stops counting after the first call.
  const options = ['-f', '-q', '-o', output, '-e', `trace=${trace}`, ...inject]
  const command = ['--', process.execPath, ...workerArguments(job)]
  return run('strace', [...options, ...command], { UV_THREADPOOL_SIZE: '1' })
}

/** The calls that an undisturbed run made. Writes to pipes and events are no changes. */
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

/** Why no process can be traced; undefined when one can. */
async function notTraced(): Promise<string | undefined> {
  if (SLOWNESS > 1) return 'on an emulated processor (GRAPHDRIVER_SLOW) it takes hours'
  const { code } = await run('strace', ['-q', '-o', '/dev/null', '-f', 'true']).catch(() => ({ code: 127 }))
  if (code === 127) return 'strace is missing: apt-get install strace'
  return code === 0 ? undefined : `strace may not trace here: it ends with ${String(code)}`
}

describeUnless(await notTraced(), 'a process whose system calls are disturbed (strace)', function () {
  this.timeout(LONG ? 900_000 : 180_000)
  const scratch = scratchDirectory()
  const random = seeded(SEED)
  const count = { killed: 0, failed: 0, possible: 0 }

  after(() => {
    const what = LONG ? 'all' : `a sample with seed ${String(SEED)}; all with GRAPHDRIVER_LONG=1`
    const { killed, failed, possible } = count
    console.log(
      `      of ${String(possible)} calls, killed at ${String(killed)}, failed at ${String(failed)} (${what})`,
    )
  })

  async function disturb(scenario: Scenario): Promise<void> {
    const { states } = await tryOut(scenario, scratch.fresh)
    const directory = scratch.fresh()
    const output = `${directory}.strace`
    const job = jobOf(scenario, await prepare(scenario, directory))
    const { code, errors } = await traced(job, output, CHANGES, [])
    assert.equal(code, 0, errors)
    const points = pointsOf(readFileSync(output, 'utf8'))
    assert.ok(points.length > 10, `only ${String(points.length)} calls were seen`)
    count.possible += points.length
    const failing = points.filter(([call]) => call !== 'write')
    await strike(scenario, states, 'signal=KILL', LONG ? points : sample(points))
    await strike(scenario, states, 'error=EIO', LONG ? failing : sample(failing))
  }

  async function strike(scenario: Scenario, states: States, fault: Fault, points: Point[]): Promise<void> {
    const { killed, failed } = count
    await inParallel(points, async ([call, nth]) => {
      const root = await prepare(scenario, scratch.fresh())
      const inject = ['-e', `inject=${call}:${fault}:when=${String(nth)}`]
      const outcome = await traced(jobOf(scenario, root), join(scratch.path, 'strace'), call, inject)
      // Threads may share their work in another way than in the run that was counted: then nothing befalls it.
      if (outcome.signal === 'SIGKILL') count.killed++
      else if (outcome.code === 1) count.failed++
      else assert.equal(outcome.code, 0, outcome.errors)
      await check(root, scenario, states, `${fault} at ${call} ${String(nth)}`)
    })
    assert.ok(count.killed + count.failed > killed + failed || fault === 'error=EIO', 'nothing befell it')
  }

  function sample(points: readonly Point[]): Point[] {
    return Array.from({ length: SAMPLE }, () => points[Math.floor(random() * points.length)]!)
  }

  for (const driver of ['overlay', 'vfs']) {
    describeOn(driver, driver, () => {
      for (const scenario of scenarios(driver)) {
        if (LONG || (!scenario.long && /^(create \(child\)|get|put \(read|remove$)/.test(scenario.verb)))
          it(scenario.verb, () => disturb(scenario))
      }
      it('without the flags of renameat2(2), as on NFS', async () => {
        const job: Job = {
          options: { root: scratch.fresh(), driver },
          work: [
            ['create', 'base'],
            ['create', 'top', { parent: 'base' }],
            ['get', 'top'],
            ['put', 'top'],
            ['remove', 'top'],
            ['close'],
          ],
        }
        const output = join(scratch.path, 'renameat2.strace')
        const { code, errors } = await traced(job, output, 'renameat2', [
          '-e',
          'inject=renameat2:error=EINVAL',
        ])
        assert.equal(code, 0, errors)
        assert.match(readFileSync(output, 'utf8'), /EINVAL/)
      })
    })
  }
})
