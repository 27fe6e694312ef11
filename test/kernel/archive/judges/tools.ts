import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeTreeSync } from 'graphdriver/sys'
import { type Body, itUnless, type Missing } from '../../../skip.ts'

/** The package of Debian that has a judge. */
const packages: Readonly<Record<string, string>> = {
  tar: 'tar',
  bsdtar: 'libarchive-tools',
  go: 'golang-go',
  umoci: 'umoci',
  python3: 'python3',
}

function has(program: string): boolean {
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`
  return path.split(':').some((directory) => existsSync(join(directory, program)))
}

/** Which of these programs are not there; undefined when all are. */
export function missingPrograms(programs: readonly string[]): Missing | undefined {
  const absent = programs.filter((program) => !has(program))
  if (absent.length === 0) return undefined
  const names = absent.map((program) => packages[program] ?? program)
  return { name: 'judges', reason: `${absent.join(' and ')} missing: apt-get install ${names.join(' ')}` }
}

/** A case that other programs judge: skipped where one of them is missing, or failed where REQUIRE names judges. */
export function itJudged(programs: readonly string[], title: string, body: Body): void {
  itUnless(missingPrograms(programs), title, body)
}

export interface Outcome {
  readonly status: number | null
  readonly output: Buffer
  /** What it wrote to the standard error, a line each. */
  readonly complaints: string[]
}

/** Runs a program to its end. */
export function run(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv } = {},
): Outcome {
  // A sanitizer's runtime is for the addon: other programs may die of it.
  const env = { ...process.env, LD_PRELOAD: '', LC_ALL: 'C.UTF-8', TZ: 'UTC', ...options.env }
  const { error, status, stdout, stderr } = spawnSync(command, args, { env, maxBuffer: 1 << 28 })
  if (error !== undefined) throw error
  return { status, output: stdout, complaints: lines(stderr) }
}

/** Runs a program that has to succeed; answers what it wrote. */
export function expectRun(...[command, args, options]: Parameters<typeof run>): Buffer {
  const { status, output, complaints } = run(command, args, options)
  assert.equal(status, 0, `${command} ${args.join(' ')}:\n${complaints.join('\n')}`)
  return output
}

export function lines(bytes: Buffer): string[] {
  return bytes
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '')
}

/** A directory that is gone after the test, or for `suite` after all of them, whatever lies in it. */
export function scratch(name: string, lifetime: 'test' | 'suite' = 'test'): (...names: string[]) => string {
  let directory = ''
  const begin = (): void => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), `judges-${name}-`)))
  }
  const end = (): void => {
    removeTreeSync(directory)
  }
  if (lifetime === 'test') {
    beforeEach(begin)
    afterEach(end)
  } else {
    before(begin)
    after(end)
  }
  return (...names) => join(directory, ...names)
}
