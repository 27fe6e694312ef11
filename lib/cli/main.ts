import { readFileSync } from 'node:fs'
import { homedir, constants } from 'node:os'
import { join, resolve } from 'node:path'
import { codeOf } from '../store/index.ts'
import { Context } from './context.ts'
import { describe, errorText, isUsage } from './describe.ts'
import type { Input } from './input.ts'
import { naming } from './naming.ts'
import { parse } from './program.ts'
import { terminalOf } from './terminal.ts'
import type { Answer } from './verb.ts'
import { VERBS } from './verbs.ts'

/** The user, or whoever started us, ended it. */
class Interrupted extends Error {
  readonly code = 'ABORT_ERR'
  readonly exitCode: number
  constructor(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') {
    super(`ended by ${signal}; what was begun is undone`)
    this.exitCode = 128 + constants.signals[signal]
  }
}

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const BROKEN_PIPE = 128 + constants.signals.SIGPIPE

/** Runs a command line and answers what the process is to end with. */
export async function main(words: readonly string[]): Promise<number> {
  const controller = new AbortController()
  const handlers = ENDING.map((signal) => {
    const end = (): void => controller.abort(new Interrupted(signal))
    process.on(signal, end)
    return () => process.off(signal, end)
  })
  // A reader that goes away is told by the write that fails.
  process.stdout.on('error', () => undefined)
  process.stderr.on('error', () => undefined)
  try {
    return await act(words, controller.signal)
  } finally {
    for (const off of handlers) off()
  }
}

async function act(words: readonly string[], signal: AbortSignal): Promise<number> {
  let input: Input | undefined
  let failureCode = 1
  try {
    const asked = parse(words, VERBS, version(), terminalOf(process.stdout, process.env))
    if ('help' in asked) {
      await write(process.stdout, asked.help)
      return 0
    }
    input = asked.input
    failureCode = asked.verb.failureCode ?? 1
    const context = contextOf(input, signal)
    const answer = await asked.verb.run(input, context)
    await print(answer, context.json)
    return answer.exitCode ?? 0
  } catch (error) {
    // Whatever the interruption made fail, it is what happened.
    const why: unknown = signal.aborted ? signal.reason : error
    return failed(why, {
      json: input?.on('json') ?? asksForJson(words),
      verbose: input?.on('verbose') === true,
      failureCode,
    })
  }
}

function contextOf(input: Input, signal: AbortSignal): Context {
  const { env } = process
  const root = input.maybe('root') ?? nonEmpty(env['GRAPHDRIVER_ROOT']) ?? defaultRoot()
  return new Context({
    root: resolve(root),
    driver: input.maybe('driver') ?? nonEmpty(env['GRAPHDRIVER_DRIVER']),
    json: input.on('json'),
    signal,
    screen: process.stderr,
  })
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}

/** Where a system keeps what its services make, and a user what his programs do (XDG base directories). */
function defaultRoot(): string {
  if (process.geteuid?.() === 0) return '/var/lib/graphdriver'
  const data = nonEmpty(process.env['XDG_DATA_HOME']) ?? join(homedir(), '.local/share')
  return join(data, 'graphdriver')
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return (manifest as { version: string }).version
}

async function print({ data, text, aside = false }: Answer, json: boolean): Promise<void> {
  const stream = json && aside ? process.stderr : process.stdout
  const said = json ? JSON.stringify(data, jsonValue) : text(terminalOf(process.stdout, process.env))
  if (said !== '') await write(stream, `${said}\n`)
}

/** Bytes as base64, 64-bit numbers as text: JSON has neither. */
function jsonValue(this: unknown, key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  const own: unknown = (this as Record<string, unknown>)[key]
  return own instanceof Uint8Array ? Buffer.from(own).toString('base64') : value
}

async function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  const name = stream === process.stdout ? 'the standard output' : 'the standard error'
  await naming(
    name,
    'write',
    () =>
      new Promise<void>((done, fail) => {
        stream.write(text, (error) => (error ? fail(error) : done()))
      }),
  )
}

/** Of a command line that cannot be read: whether its own words have the option. What follows -- is another program's. */
function asksForJson(words: readonly string[]): boolean {
  const end = words.indexOf('--')
  return words.slice(0, end === -1 ? words.length : end).includes('--json')
}

async function failed(
  error: unknown,
  { json, verbose, failureCode }: { json: boolean; verbose: boolean; failureCode: number },
): Promise<number> {
  // Nobody reads any more, so there is nobody to tell; a shell says the same of a program that SIGPIPE ended.
  if (codeOf(error) === 'EPIPE') return BROKEN_PIPE
  if (error instanceof Interrupted && !json) {
    await write(process.stderr, `graphdriver: ${error.message}\n`).catch(() => undefined)
    return error.exitCode
  }
  const said = json
    ? `${JSON.stringify({ error: describe(error) })}\n`
    : errorText(error, terminalOf(process.stderr, process.env), verbose)
  await write(process.stderr, said).catch(() => undefined)
  if (error instanceof Interrupted) return error.exitCode
  return isUsage(error) ? 2 : failureCode
}
