// Logs and telemetry, taken in from Microsoft Entra identities only.
param token string
param location string
param tags object

@description('Logs hold keyed hashes and record ids, no addresses; the proof is in the ledger, not here.')
@minValue(30)
@maxValue(730)
param retentionInDays int = 30

@description('A loop that logs must not cost more than this a day.')
param dailyQuotaGb int = 2

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' = {
  name: 'log-${token}'
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionInDays
    features: { disableLocalAuth: true }
    workspaceCapping: { dailyQuotaGb: dailyQuotaGb }
  }
}

resource appInsights 'Microsoft.Insights/components@2020-02-02' = {
  name: 'appi-${token}'
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
  }
}

output workspaceId string = workspace.id
output appInsightsName string = appInsights.name
