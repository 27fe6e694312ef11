import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { GraphDriver, OpenOptions } from 'graphdriver'

/** A call of a driver as data. */
export type DriverCall = readonly [method: keyof GraphDriver, ...args: unknown[]]

/** What a process is to do: `before` undisturbed, then `work`, step by step. */
export interface Job {
  readonly options: OpenOptions
  readonly before?: readonly DriverCall[]
  readonly work?: readonly DriverCall[]
  /** The step at which it dies, from 1 on, or by its name; 0: none. */
  readonly killAt?: number | string
  /** Whether the steps of `open` count. */
  readonly hookOpen?: boolean
}

export interface Outcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The steps that were passed. */
  readonly steps: string[]
  readonly errors: string
}

/** Runs a program to its end. */
export async function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Outcome> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // The test's own loader is of no use to a plain program, and takes half a second.
    env: { ...process.env, NODE_OPTIONS: '', ...env },
  })
  let steps = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (steps += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (...end: [number | null, NodeJS.Signals | null]) => {
      resolve(end)
    })
  })
  return { code, signal, steps: steps.split('\n').filter((line) => line !== ''), errors }
}

/** The words that start a worker with a job. */
export function workerArguments(job: Job): string[] {
  return [join(import.meta.dirname, 'worker.mjs'), JSON.stringify(job)]
}

export async function runWorker(job: Job): Promise<Outcome> {
  return run(process.execPath, workerArguments(job))
}
