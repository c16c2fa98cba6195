// What somebody should hear about the same hour. docs/operations.md says what to do about each.
param location string
param tags object
param email string
param workspaceId string

// The service writes one JSON object in each line of its log. A rule whose line it does not write yet is switched off.
var rules = [
  {
    name: 'parked'
    about: 'Work was given up after its last try.'
    enabled: true
    severity: 1
    query: 'StorageQueueLogs | where OperationName == "PutMessage" and Uri contains "-poison/messages"'
    measure: null
    aggregation: 'Count'
    operator: 'GreaterThan'
    threshold: 0
    frequency: 'PT5M'
    window: 'PT15M'
  }
  {
    name: 'opt-out-late'
    about: 'An opt-out has not reached every location for a quarter of an hour.'
    enabled: true
    severity: 1
    query: 'AppTraces | extend Said = parse_json(Message) | where Said.event == "measured" and Said.mode != "observe" | extend Seconds = toreal(Said.oldest_opt_out)'
    measure: 'Seconds'
    aggregation: 'Maximum'
    operator: 'GreaterThan'
    threshold: 900
    frequency: 'PT5M'
    window: 'PT15M'
  }
  {
    name: 'sweep-failed'
    about: 'The safety sweep could not begin.'
    enabled: true
    severity: 1
    query: 'AppRequests | where OperationName == "sweep" and Success == false'
    measure: null
    aggregation: 'Count'
    operator: 'GreaterThan'
    threshold: 0
    frequency: 'PT5M'
    window: 'PT15M'
  }
  {
    name: 'sweep-missing'
    about: 'No safety sweep for an hour: what events missed stays missed.'
    enabled: true
    severity: 1
    query: 'AppRequests | where OperationName == "sweep" and Success == true'
    measure: null
    aggregation: 'Count'
    operator: 'LessThan'
    threshold: 1
    frequency: 'PT15M'
    window: 'PT1H'
  }
  {
    name: 'not-started'
    about: 'The settings or the mapping can not be used: nothing is read or written.'
    enabled: true
    severity: 1
    query: 'AppTraces | extend Said = parse_json(Message) | where Said.event == "not-started"'
    measure: null
    aggregation: 'Count'
    operator: 'GreaterThan'
    threshold: 0
    frequency: 'PT5M'
    window: 'PT15M'
  }
  {
    name: 'brake'
    about: 'A mass change tripped the brake: so many opt-ins or opt-outs at once are no people who changed their minds.'
    enabled: true
    severity: 1
    query: 'AppTraces | extend Said = parse_json(Message) | where Said.event == "held" and Said.rule in ("hold-brake", "hold-many-opt-outs")'
    measure: null
    aggregation: 'Count'
    operator: 'GreaterThan'
    threshold: 0
    frequency: 'PT5M'
    window: 'PT15M'
  }
  {
    name: 'held'
    about: 'Something that concerns the whole service waits for a person.'
    enabled: true
    severity: 2
    query: 'AppTraces | extend Said = parse_json(Message) | where Said.event == "held" and Said.rule !in ("hold-brake", "hold-many-opt-outs")'
    measure: null
    aggregation: 'Count'
    operator: 'GreaterThan'
    threshold: 0
    frequency: 'PT5M'
    window: 'PT15M'
  }
  {
    name: 'restored'
    about: 'Somebody restored a backup of Dataverse.'
    enabled: true
    severity: 1
    query: 'AppTraces | extend Said = parse_json(Message) | where Said.event == "restored"'
    measure: null
    aggregation: 'Count'
    operator: 'GreaterThan'
    threshold: 0
    frequency: 'PT5M'
    window: 'PT15M'
  }
  {
    name: 'registration-drift'
    about: 'The webhook is not registered as it should be: events may be missing.'
    enabled: true
    severity: 2
    query: 'AppTraces | extend Said = parse_json(Message) | where Said.event == "registration-drift"'
    measure: null
    aggregation: 'Count'
    operator: 'GreaterThan'
    threshold: 0
    frequency: 'PT1H'
    window: 'PT1H'
  }
  {
    name: 'throttled'
    about: 'Dataverse often asks the service to wait (429): somebody else may be using its application user.'
    enabled: true
    severity: 3
    query: 'AppTraces | extend Said = parse_json(Message) | where Said.event == "put-off" or Said.event == "retried"'
    measure: 'ItemCount'
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 100
    frequency: 'PT15M'
    window: 'PT15M'
  }
]

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-consent-sync'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'consentsync'
    enabled: true
    emailReceivers: [
      {
        name: 'operators'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in rules: {
  name: 'alert-${rule.name}'
  location: location
  tags: tags
  properties: {
    displayName: 'consent-sync: ${rule.name}'
    description: rule.about
    enabled: rule.enabled
    severity: rule.severity
    scopes: [workspaceId]
    evaluationFrequency: rule.frequency
    windowSize: rule.window
    skipQueryValidation: true // the tables appear with their first row
    criteria: {
      allOf: [
        {
          query: rule.query
          metricMeasureColumn: rule.measure
          timeAggregation: rule.aggregation
          operator: rule.operator
          threshold: rule.threshold
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: { actionGroups: [actionGroup.id] }
  }
}]
