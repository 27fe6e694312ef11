import type { Context } from './context.ts'
import type { Input } from './input.ts'
import type { Terminal } from './terminal.ts'

/** What a word on the command line stands for: the completion offers such. */
export type Kind = 'layer' | 'file' | 'directory' | 'driver'

export interface ArgumentSpec {
  /** As commander has it: `<id>` is wanted, `[file]` may be there, `<words...>` are several. */
  readonly name: string
  readonly summary: string
  readonly kind?: Kind
  readonly choices?: readonly string[]
}

export interface OptionSpec {
  /** As commander has it: `-o, --output <file>`. */
  readonly flags: string
  readonly summary: string
  readonly kind?: Kind
  readonly choices?: readonly string[]
  /** It has to be there. */
  readonly required?: boolean
  /** The variable of the environment that says the same. */
  readonly env?: string
}

export interface Example {
  readonly command: string
  readonly says: string
  /** Why the tests of the documentation do not run it. */
  readonly notRun?: string
}

/** What a verb answers. */
export interface Answer {
  /** What `--json` prints. Its shape is told in `Verb.shape`. */
  readonly data: unknown
  /** What people get; nothing where it is empty. */
  readonly text: (terminal: Terminal) => string
  /** 0 where it is left out. */
  readonly exitCode?: number
  /** What could not be done beside what was: each is told as an error, and the last decides what the command ends with. */
  readonly failures?: readonly unknown[]
  /** The standard output belongs to somebody else: the data go to the standard error. */
  readonly aside?: boolean
}

/** One verb of the command. `--help`, the man page and the completion are made of this, too. */
export interface Verb {
  readonly name: string
  /** One line without a full stop. */
  readonly summary: string
  /** Paragraphs. */
  readonly details?: readonly string[]
  readonly arguments?: readonly ArgumentSpec[]
  readonly options?: readonly OptionSpec[]
  /** What `--json` prints, in the notation of TypeScript. Left out: there is nothing to print. */
  readonly shape?: string
  readonly examples?: readonly Example[]
  /** What comes after the first argument belongs to another program. */
  readonly passThrough?: boolean
  /** It changes nothing, so an interruption leaves nothing behind. */
  readonly looksOnly?: boolean
  /** What an interruption leaves behind; "what was begun is undone" where it is left out. */
  readonly interrupted?: string
  /** What the command ends with when the verb fails; 1 where it is left out. */
  readonly failureCode?: number
  run(input: Input, context: Context): Promise<Answer>
}

/** The options that every verb has. */
export const COMMON: readonly OptionSpec[] = [
  {
    flags: '--root <directory>',
    summary: 'the store (/var/lib/graphdriver; for an ordinary user graphdriver in his XDG_DATA_HOME)',
    kind: 'directory',
    env: 'GRAPHDRIVER_ROOT',
  },
  {
    flags: '--driver <name>',
    summary:
      'the driver, aufs, overlay or vfs; without it, the one that the store has, else the first that works',
    kind: 'driver',
    env: 'GRAPHDRIVER_DRIVER',
  },
  { flags: '--json', summary: 'print data of a stable shape instead of text; an error, too' },
  { flags: '-v, --verbose', summary: 'with an error, tell all that is known of it' },
]

/** What the command ends with. */
export const EXIT_CODES: readonly [code: string, meaning: string][] = [
  ['0', 'done'],
  ['1', 'it failed; the standard error says why'],
  ['2', 'the command line is wrong; nothing was done'],
  ['3', 'done as far as it went: cleanup left mounts that somebody still uses, or doctor found an error'],
  ['125', 'of run: the layer could not be mounted, or given back'],
  ['126', 'of run: the program cannot be executed'],
  ['127', 'of run: there is no such program in the layer'],
  [
    '128+n',
    'ended by signal n: 130 after Ctrl-C, 141 when nobody reads the output; of run, also when the program was',
  ],
]
