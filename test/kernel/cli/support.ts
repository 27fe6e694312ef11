import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

export const bin: string = resolve(import.meta.dirname, '../../../dist/bundle/graphdriver.js')

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** A shell's view of one store: every call is a process of its own, as for a user. */
export class Shell {
  readonly directory: string
  readonly root: string
  readonly env: NodeJS.ProcessEnv

  constructor(directory: string) {
    this.directory = directory
    this.root = join(directory, 'store')
    const env: NodeJS.ProcessEnv = { ...process.env, GRAPHDRIVER_ROOT: this.root, NO_COLOR: '1' }
    // The tests' own loader is none of the command's business.
    delete env['NODE_OPTIONS']
    delete env['GRAPHDRIVER_DRIVER']
    this.env = env
  }

  /** Runs the command to its end. */
  run(words: readonly string[], input: string | Buffer = '', env: NodeJS.ProcessEnv = {}): Ended {
    const options = { cwd: this.directory, env: { ...this.env, ...env }, input, maxBuffer: 1 << 28 }
    const done = spawnSync(process.execPath, [bin, ...words], options)
    const ended = { code: done.status, out: done.stdout.toString(), err: done.stderr.toString() }
    // Whatever happens: a user gets no stack trace.
    assert.doesNotMatch(ended.err, /^\s+at .+:\d+:\d+/m, ended.err)
    return ended
  }

  /** Runs it, and it has to do what it was told; answers what it printed. */
  ok(...words: string[]): string {
    const ended = this.run(words)
    assert.equal(ended.code, 0, `${words.join(' ')}: ${ended.err}`)
    return ended.out.trimEnd()
  }

  /** The same with `--json`. */
  json(...words: string[]): Record<string, unknown> {
    return JSON.parse(this.ok(...words, '--json')) as Record<string, unknown>
  }

  /** Runs a line of a shell, in which `graphdriver` is the command. */
  line(text: string): Ended {
    const script = `graphdriver() { "${process.execPath}" "${bin}" "$@"; }\nset -o pipefail\n${text}`
    const done = spawnSync('bash', ['-c', script], { cwd: this.directory, env: this.env, encoding: 'utf8' })
    return { code: done.status, out: done.stdout, err: done.stderr }
  }

  start(words: readonly string[], stdin: 'pipe' | 'ignore' = 'pipe'): ChildProcess {
    return spawn(process.execPath, [bin, ...words], {
      cwd: this.directory,
      env: this.env,
      stdio: [stdin, 'pipe', 'pipe'],
    })
  }

  /** The tar of some files. */
  tar(name: string, files: Readonly<Record<string, string>>): string {
    const from = join(this.directory, `${name}.d`)
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(from, path)), { recursive: true })
      writeFileSync(join(from, path), text)
    }
    const file = join(this.directory, name)
    const done = spawnSync('tar', ['-C', from, '-cf', file, '.'])
    assert.equal(done.status, 0, done.stderr.toString())
    return file
  }

  /** What is mounted below the store, in this namespace. */
  mounted(): string[] {
    const lines = readFileSync('/proc/self/mountinfo', 'utf8').trimEnd().split('\n')
    return lines.map((line) => line.split(' ')[4] ?? '').filter((path) => path.startsWith(`${this.root}/`))
  }
}

/** Resolves when a child has ended. */
export async function ended(child: ChildProcess): Promise<Ended> {
  let [out, err] = ['', '']
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const code = await new Promise<number | null>((done) => child.on('close', done))
  return { code, out, err }
}

/** A root filesystem of one program: statically linked, so it needs nothing else. */
export function userland(shell: Shell): string | undefined {
  const found = spawnSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).stdout.trim()
  if (found === '' || spawnSync('ldd', [found]).status === 0) return undefined
  const made = shell.line(
    `mkdir -p r/bin r/dev && cp ${found} r/bin/busybox && for p in sh cat kill sleep mount; do ln -s busybox r/bin/$p; done && tar -C r -cf r.tar .`,
  )
  assert.equal(made.code, 0, made.err)
  return join(shell.directory, 'r.tar')
}
