import { readFileSync } from 'node:fs'
import { homedir, constants } from 'node:os'
import { join, resolve } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { codeOf } from '../store/index.ts'
import { unlessAborted } from '../sys/abort.ts'
import { Context } from './context.ts'
import { describe, errorText, isUsage } from './describe.ts'
import type { Input } from './input.ts'
import { naming } from './naming.ts'
import { parse } from './program.ts'
import { terminalOf } from './terminal.ts'
import type { Answer, Verb } from './verb.ts'
import { VERBS } from './verbs.ts'

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The user, or whoever started us, ended it. */
class Interrupted extends Error {
  readonly code = 'ABORT_ERR'
  readonly signal: (typeof ENDING)[number]
  readonly exitCode: number

  /** @param left what that leaves behind. */
  constructor(signal: (typeof ENDING)[number], left?: string) {
    super(left === undefined ? `ended by ${signal}` : `ended by ${signal}; ${left}`)
    this.signal = signal
    this.exitCode = 128 + constants.signals[signal]
  }
}

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
    const code = await act(words, controller.signal)
    if (controller.signal.aborted) await leaveUnread(code)
    return code
  } finally {
    for (const off of handlers) off()
  }
}

/** What a reader does not take would keep the process for as long as he likes, and an interruption is not to wait for him. */
async function leaveUnread(code: number): Promise<void> {
  await nextTurn()
  if (process.stdout.writableLength + process.stderr.writableLength === 0) return
  // eslint-disable-next-line n/no-process-exit -- a write that is under way keeps the event loop alive, and cannot be taken back
  process.exit(code)
}

async function act(words: readonly string[], signal: AbortSignal): Promise<number> {
  let input: Input | undefined
  let verb: Verb | undefined
  const fail = (error: unknown): Promise<number> =>
    failed(withRest(error, verb), {
      json: input?.on('json') ?? asksForJson(words),
      verbose: input?.on('verbose') === true,
      failureCode: verb?.failureCode ?? 1,
      signal,
    })
  try {
    const asked = parse(words, VERBS, version(), terminalOf(process.stdout, process.env))
    if ('help' in asked) {
      await write(process.stdout, asked.help, signal)
      return 0
    }
    ;({ input, verb } = asked)
    const context = contextOf(input, signal)
    const answer = await verb.run(input, context)
    // Nobody waits for the answer any more. What was changed is told of all the same.
    if (verb.looksOnly === true) signal.throwIfAborted()
    await print(answer, context.json, signal)
    let code = answer.exitCode ?? 0
    for (const failure of answer.failures ?? []) code = await fail(failure)
    return code
  } catch (error) {
    // Whatever the interruption made fail, it is what happened.
    return fail(signal.aborted ? signal.reason : error)
  }
}

/** An interruption, and what it leaves behind; any other error as it is. */
function withRest(error: unknown, verb: Verb | undefined): unknown {
  if (!(error instanceof Interrupted) || verb === undefined || verb.looksOnly === true) return error
  return new Interrupted(error.signal, verb.interrupted ?? 'what was begun is undone')
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

async function print(
  { data, text, aside = false }: Answer,
  json: boolean,
  signal: AbortSignal,
): Promise<void> {
  const stream = json && aside ? process.stderr : process.stdout
  const said = json ? JSON.stringify(data, jsonValue) : text(terminalOf(process.stdout, process.env))
  if (said !== '') await write(stream, `${said}\n`, signal)
}

/** Bytes as base64, 64-bit numbers as text: JSON has neither. */
function jsonValue(this: unknown, key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  const own: unknown = (this as Record<string, unknown>)[key]
  return own instanceof Uint8Array ? Buffer.from(own).toString('base64') : value
}

/** @param signal ends the waiting for a reader that takes nothing more, as a pager that shows its first page. */
async function write(stream: NodeJS.WriteStream, text: string, signal: AbortSignal): Promise<void> {
  const name = stream === process.stdout ? 'the standard output' : 'the standard error'
  const written = new Promise<void>((done, fail) => {
    stream.write(text, (error) => (error ? fail(error) : done()))
  })
  await naming(name, 'write', () => unlessAborted(written, signal))
}

/** Of a command line that cannot be read: whether its own words have the option. What follows -- is another program's. */
function asksForJson(words: readonly string[]): boolean {
  const end = words.indexOf('--')
  return words.slice(0, end === -1 ? words.length : end).includes('--json')
}

interface Manner {
  readonly json: boolean
  readonly verbose: boolean
  readonly failureCode: number
  readonly signal: AbortSignal
}

async function failed(error: unknown, { json, verbose, failureCode, signal }: Manner): Promise<number> {
  // Nobody reads any more, so there is nobody to tell; a shell says the same of a program that SIGPIPE ended.
  if (codeOf(error) === 'EPIPE') return BROKEN_PIPE
  const interrupted = error instanceof Interrupted
  const told = write(process.stderr, failureText(error, json, verbose), signal).catch(() => undefined)
  if (interrupted) return error.exitCode
  await told
  return isUsage(error) ? 2 : failureCode
}

function failureText(error: unknown, json: boolean, verbose: boolean): string {
  if (error instanceof Interrupted) {
    const { code, message } = error
    return json ? `${JSON.stringify({ error: { code, message } })}\n` : `graphdriver: ${message}\n`
  }
  if (json) return `${JSON.stringify({ error: describe(error) })}\n`
  return errorText(error, terminalOf(process.stderr, process.env), verbose)
}
