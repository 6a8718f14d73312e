"""The paths of recordings below /api/v1/."""

from django.urls import path

from recordings import views

urlpatterns = [
    path("recordings/", views.RecordingsView.as_view(), name="recordings"),
    path("recordings/<slug:pk>/", views.RecordingView.as_view(), name="recording"),
]
