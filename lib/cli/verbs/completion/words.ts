import { bare } from '../../program.ts'
import { COMMON, type Kind, type OptionSpec, type Verb } from '../../verb.ts'

/** What may stand at one place of a command line. */
export interface Place {
  readonly kind?: Kind | undefined
  readonly choices?: readonly string[] | undefined
}

export interface OptionWords {
  /** `-o` and `--output`. */
  readonly names: readonly string[]
  readonly summary: string
  /** What its value may be; undefined where it has none. */
  readonly value: Place | undefined
}

export interface VerbWords {
  readonly name: string
  readonly summary: string
  readonly options: readonly OptionWords[]
  /** In their order; the last one again and again where it takes several. */
  readonly places: readonly Place[]
  readonly passThrough: boolean
}

function optionWords({ flags, summary, kind, choices }: OptionSpec): OptionWords {
  const parts = flags.split(/,? /)
  const takesValue = parts.at(-1)?.startsWith('<') === true
  return {
    names: parts.filter((part) => part.startsWith('-')),
    summary,
    value: takesValue ? { kind, choices } : undefined,
  }
}

/** The words of a verb, as a completion offers them. */
export function wordsOfVerb(verb: Verb): VerbWords {
  const help = { flags: '-h, --help', summary: 'what the verb does' }
  return {
    name: verb.name,
    summary: verb.summary,
    options: [...(verb.options ?? []), ...COMMON, help].map(optionWords),
    places: (verb.arguments ?? []).map(({ name, kind, choices }) => ({
      kind: bare(name) === 'command' ? undefined : kind,
      choices,
    })),
    passThrough: verb.passThrough === true,
  }
}
